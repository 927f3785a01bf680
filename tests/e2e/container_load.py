"""Keeps the queue of a server full and asks for its health meanwhile.

Fails if an answer is neither 200 nor 429, if nothing was answered, or if a health check takes a
second.
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
MOST_SECONDS_OF_HEALTH = 1.0


class Load:
    def __init__(self, address: str, seconds: float):
        self.address = address
        self.end = time.monotonic() + seconds
        self.lock = threading.Lock()
        self.statuses: collections.Counter[str] = collections.Counter()
        self.slowest = {"/healthz": 0.0, "/readyz": 0.0}

    def client(self) -> None:
        connection = http.client.HTTPConnection(self.address, timeout=60)
        while time.monotonic() < self.end:
            try:
                connection.request("POST", "/forecast", BODY)
                answer = connection.getresponse()
                answer.read()
                told = str(answer.status)
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                told = type(error).__name__
            with self.lock:
                self.statuses[told] += 1

    def health(self, path: str) -> None:
        while time.monotonic() < self.end:
            started = time.monotonic()
            connection = http.client.HTTPConnection(self.address, timeout=10)
            connection.request("GET", path)
            connection.getresponse().read()
            connection.close()
            took = time.monotonic() - started
            self.slowest[path] = max(self.slowest[path], took)
            # As often as a load balancer would at most.
            time.sleep(0.2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", required=True)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--clients", type=int, default=64)
    arguments = parser.parse_args()
    load = Load(arguments.address, arguments.seconds)
    threads = [threading.Thread(target=load.client) for _ in range(arguments.clients)]
    threads += [threading.Thread(target=load.health, args=(path,)) for path in load.slowest]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    answered = load.statuses["200"]
    rate = answered * len(SERIES) / arguments.seconds
    print(f"{rate:.0f} series/s; answers: {dict(load.statuses)}")
    for path, slowest in load.slowest.items():
        print(f"slowest {path}: {1000 * slowest:.0f} ms")
    failed = set(load.statuses) - {"200", "429"}
    slow = max(load.slowest.values()) >= MOST_SECONDS_OF_HEALTH
    sys.exit(bool(failed) or slow or answered == 0)


if __name__ == "__main__":
    main()
