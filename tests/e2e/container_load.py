"""Keeps the queue of a server full while checking its health.

Fails if a response is neither 200 nor 429, if no request succeeded, or if a health check takes a
second or longer.
"""

import argparse
import collections
import http.client
import json
import sys
import threading
import time

SERIES = [{"values": [100 + (7 * step + shift) % 23 for step in range(144)]} for shift in range(50)]
BODY = json.dumps({"series": SERIES, "horizon": 18})
MAX_HEALTH_SECONDS = 1.0


class Load:
    """Clients that post forecasts, and health checks that run at the same time."""

    def __init__(self, address: str, seconds: float):
        self.address = address
        self.end = time.monotonic() + seconds
        self.lock = threading.Lock()
        self.statuses: collections.Counter[str] = collections.Counter()
        self.slowest = {"/healthz": 0.0, "/readyz": 0.0}

    def client(self) -> None:
        """Post requests over one connection until the end, and count the outcomes."""
        connection = http.client.HTTPConnection(self.address, timeout=60)
        while time.monotonic() < self.end:
            try:
                connection.request("POST", "/forecast", BODY)
                response = connection.getresponse()
                response.read()
                outcome = str(response.status)
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                outcome = type(error).__name__
            with self.lock:
                self.statuses[outcome] += 1

    def health(self, path: str) -> None:
        """Check one endpoint until the end, and record the slowest response."""
        while time.monotonic() < self.end:
            started = time.monotonic()
            connection = http.client.HTTPConnection(self.address, timeout=10)
            connection.request("GET", path)
            connection.getresponse().read()
            connection.close()
            took = time.monotonic() - started
            self.slowest[path] = max(self.slowest[path], took)
            # The highest rate at which a load balancer would check.
            time.sleep(0.2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", required=True, help="HOST:PORT of the server")
    parser.add_argument("--seconds", type=float, default=20, help="duration of the load")
    parser.add_argument("--clients", type=int, default=64, help="number of connections")
    arguments = parser.parse_args()
    load = Load(arguments.address, arguments.seconds)
    threads = [threading.Thread(target=load.client) for _ in range(arguments.clients)]
    threads += [threading.Thread(target=load.health, args=(path,)) for path in load.slowest]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    succeeded = load.statuses["200"]
    rate = succeeded * len(SERIES) / arguments.seconds
    print(f"{rate:.0f} series/s; responses: {dict(load.statuses)}")
    for path, slowest in load.slowest.items():
        print(f"slowest {path}: {1000 * slowest:.0f} ms")
    failed = set(load.statuses) - {"200", "429"}
    slow = max(load.slowest.values()) >= MAX_HEALTH_SECONDS
    sys.exit(bool(failed) or slow or succeeded == 0)


if __name__ == "__main__":
    main()
