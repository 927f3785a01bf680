"""Sends forecasts over several connections, stops the server meanwhile, and counts lost requests.

Behaves like a load balancer: it polls `/readyz`, and stops sending soon after that returns 503. Fails
if a request fails, or if the server is still ready a second after SIGTERM.
"""

import argparse
import http.client
import json
import os
import signal
import sys
import threading
import time

BODY = json.dumps({"values": [112, 118, 132, 129, 121, 135] * 8, "horizon": 12})
REQUESTS_BEFORE_SIGNAL = 500
MAX_REQUESTS_PER_CLIENT = 20_000
SECONDS_AFTER_NOT_READY = 1.0


class Load:
    """Clients that post forecasts until they are stopped."""

    def __init__(self, address: str):
        self.address = address
        self.lock = threading.Lock()
        self.enough = threading.Event()
        self.stop = threading.Event()
        self.answered = 0
        self.failed: list[str] = []

    def client(self) -> None:
        """Post requests over one connection, and count successes and failures."""
        connection = http.client.HTTPConnection(self.address, timeout=10)
        for _ in range(MAX_REQUESTS_PER_CLIENT):
            if self.stop.is_set():
                break
            try:
                connection.request("POST", "/forecast", BODY)
                response = connection.getresponse()
                response.read()
                # http.client closes a connection if the response says so, and reopens it.
                failure = None if response.status == 200 else f"status {response.status}"
            except (OSError, http.client.HTTPException) as error:
                failure = repr(error)
            with self.lock:
                if failure:
                    self.failed.append(failure)
                else:
                    self.answered += 1
                if self.answered + len(self.failed) >= REQUESTS_BEFORE_SIGNAL:
                    self.enough.set()


def readiness(address: str) -> int:
    """Return the status of `/readyz`."""
    connection = http.client.HTTPConnection(address, timeout=5)
    connection.request("GET", "/readyz")
    return connection.getresponse().status


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", required=True, help="HOST:PORT of the server")
    parser.add_argument("--pid", type=int, required=True, help="process to send SIGTERM to")
    parser.add_argument("--clients", type=int, default=6, help="number of connections")
    arguments = parser.parse_args()

    load = Load(arguments.address)
    clients = [threading.Thread(target=load.client) for _ in range(arguments.clients)]
    for client in clients:
        client.start()
    load.enough.wait(30)
    before = load.answered
    os.kill(arguments.pid, signal.SIGTERM)
    signalled = time.monotonic()
    while readiness(arguments.address) != 503 and time.monotonic() - signalled < 5:
        pass
    seconds = time.monotonic() - signalled
    time.sleep(SECONDS_AFTER_NOT_READY)
    load.stop.set()
    for client in clients:
        client.join()

    after = load.answered - before
    print(f"{before} succeeded before SIGTERM, {after} after, {len(load.failed)} failed")
    print(f"not ready {seconds * 1000:.0f} ms after SIGTERM")
    for failure in sorted(set(load.failed)):
        print(failure, file=sys.stderr)
    return 0 if not load.failed and after and seconds < 1 else 1


if __name__ == "__main__":
    sys.exit(main())
