"""Sends forecasts over kept connections until a file appears, and fails if one was not answered 200."""

import argparse
import collections
import http.client
import json
import pathlib
import sys
import threading
import time

BODY = json.dumps({"values": [112, 118, 132, 129, 121, 135] * 8, "horizon": 12})
MOST_SECONDS = 600


def client(address: str, until: pathlib.Path, outcomes: collections.Counter[str]) -> None:
    connection = http.client.HTTPConnection(address, timeout=30)
    end = time.monotonic() + MOST_SECONDS
    while not until.exists() and time.monotonic() < end:
        try:
            connection.request("POST", "/forecast", BODY)
            answer = connection.getresponse()
            answer.read()
            outcomes[str(answer.status)] += 1
        except (OSError, http.client.HTTPException) as error:
            outcomes[f"{type(error).__name__}: {error}"] += 1
            connection.close()
        # A constant load well below what the servers can do.
        time.sleep(0.01)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", required=True)
    parser.add_argument("--until", type=pathlib.Path, required=True)
    parser.add_argument("--clients", type=int, default=8)
    arguments = parser.parse_args()
    outcomes = [collections.Counter() for _ in range(arguments.clients)]
    threads = [
        threading.Thread(target=client, args=(arguments.address, arguments.until, counted))
        for counted in outcomes
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total = sum(outcomes, collections.Counter())
    print(f"answers: {dict(total)}")
    sys.exit(total["200"] == 0 or set(total) != {"200"})


if __name__ == "__main__":
    main()
