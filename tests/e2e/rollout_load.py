"""Sends forecasts over persistent connections until a file appears; fails unless all return 200."""

import argparse
import collections
import http.client
import json
import pathlib
import sys
import threading
import time

BODY = json.dumps({"values": [112, 118, 132, 129, 121, 135] * 8, "horizon": 12})
MAX_SECONDS = 600


def client(address: str, until: pathlib.Path, outcomes: collections.Counter[str]) -> None:
    """Post requests over one connection until the file exists, and count the outcomes."""
    connection = http.client.HTTPConnection(address, timeout=30)
    end = time.monotonic() + MAX_SECONDS
    while not until.exists() and time.monotonic() < end:
        try:
            connection.request("POST", "/forecast", BODY)
            response = connection.getresponse()
            response.read()
            outcomes[str(response.status)] += 1
        except (OSError, http.client.HTTPException) as error:
            outcomes[f"{type(error).__name__}: {error}"] += 1
            connection.close()
        # A constant load, well below the capacity of the servers.
        time.sleep(0.01)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", required=True, help="HOST:PORT of the servers")
    parser.add_argument("--until", type=pathlib.Path, required=True, help="file that ends the load")
    parser.add_argument("--clients", type=int, default=8, help="number of connections")
    arguments = parser.parse_args()
    outcomes: list[collections.Counter[str]] = [
        collections.Counter() for _ in range(arguments.clients)
    ]
    threads = [
        threading.Thread(target=client, args=(arguments.address, arguments.until, counted))
        for counted in outcomes
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total = sum(outcomes, collections.Counter[str]())
    print(f"responses: {dict(total)}")
    sys.exit(total["200"] == 0 or set(total) != {"200"})


if __name__ == "__main__":
    main()
