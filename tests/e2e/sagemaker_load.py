"""Requirements of SageMaker endpoints: pings under load, large payloads, models loaded and unloaded."""

import argparse
import http.client
import json
import threading
import time
from pathlib import Path
from typing import Any

JSON = {"content-type": "application/json"}
LINES = {"content-type": "application/jsonlines", "accept": "application/jsonlines"}

# Limits of SageMaker's container contract.
MAX_PING_SECONDS = 2.0
PAYLOAD_BYTES = 25_000_000

LOAD_SECONDS = 6.0
CLIENTS = 32

# Growth that is allowed over all rounds, for the bookkeeping of the allocators.
MAX_GROWTH_MIB = 12.0


def ping(arguments: argparse.Namespace) -> None:
    """Check health, each time on a new connection, while clients keep the queue full."""
    series = [
        {"values": [100 + (7 * step + shift) % 23 for step in range(144)]} for shift in range(50)
    ]
    body = json.dumps({"series": series, "horizon": 18})
    end = time.monotonic() + LOAD_SECONDS
    statuses: list[int] = []

    def client() -> None:
        connection = http.client.HTTPConnection(arguments.address, timeout=60)
        while time.monotonic() < end:
            connection.request("POST", "/invocations", body, JSON)
            response = connection.getresponse()
            response.read()
            statuses.append(response.status)

    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    slowest, count = 0.0, 0
    while time.monotonic() < end:
        started = time.monotonic()
        connection = http.client.HTTPConnection(arguments.address, timeout=10)
        connection.request("GET", "/ping")
        response = connection.getresponse()
        text = response.read()
        connection.close()
        slowest = max(slowest, time.monotonic() - started)
        count += 1
        assert (response.status, text) == (200, b""), (response.status, text)
        time.sleep(0.05)
    for thread in threads:
        thread.join()
    good = statuses.count(200)
    print(
        f"{count} pings, the slowest {slowest * 1e3:.0f} ms, "
        f"while {good} of {len(statuses)} requests succeeded"
    )
    assert good > 0 and set(statuses) <= {200, 429}, set(statuses)
    assert slowest < MAX_PING_SECONDS, slowest


def lines(arguments: argparse.Namespace) -> None:
    """Send the largest payload that SageMaker allows; every line must have its result in order."""
    records: list[bytes] = []
    size = 0
    while True:
        number = len(records)
        # A few long series among many short ones, and one invalid record.
        length = 2_000 if number % 100 == 0 else 24 + number % 60
        values = [number % 1_000 + step % 12 for step in range(length)]
        record: dict[str, Any] = {
            "series": [{"id": f"s{number}", "values": values}],
            "horizon": 6,
        }
        if number == 1_000:
            record["horizon"] = 0
        line = json.dumps(record, separators=(",", ":")).encode() + b"\n"
        if size + len(line) > PAYLOAD_BYTES:
            break
        records.append(line)
        size += len(line)
    started = time.monotonic()
    connection = http.client.HTTPConnection(arguments.address, timeout=120)
    connection.request("POST", "/invocations", b"".join(records), LINES)
    response = connection.getresponse()
    text = response.read()
    took = time.monotonic() - started
    assert response.status == 200, (response.status, text[:1_000])
    results = text.splitlines()
    print(f"{size / 1e6:.1f} MB, {len(records)} lines in, {len(results)} out, {took:.1f} s")
    assert len(results) == len(records), (len(results), len(records))
    for number, line in enumerate(results):
        result = json.loads(line)
        if number == 1_000:
            assert result["code"] == "invalid_horizon", result
        else:
            assert "forecasts" in result, (number, result)
            assert result["forecasts"][0]["id"] == f"s{number}", (number, result)


def call(address: str, method: str, path: str, body: dict[str, Any] | None = None) -> int:
    """Send a request and return the status of the response."""
    connection = http.client.HTTPConnection(address, timeout=60)
    connection.request(method, path, json.dumps(body) if body else None, JSON)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status


def resident_mib(pid: int) -> float:
    """Return the resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def memory(arguments: argparse.Namespace) -> None:
    """Load and unload models repeatedly; each round must release the memory that it used."""
    address, names = arguments.address, [f"m{number}" for number in range(10)]
    series = {"values": [float(step % 12) for step in range(500)], "horizon": 12}
    empty, full = [], []
    for _ in range(arguments.rounds):
        for name in names:
            body = {"model_name": name, "url": arguments.url}
            assert call(address, "POST", "/models", body) == 200, name
            assert call(address, "POST", f"/models/{name}/invoke", series) == 200, name
        full.append(resident_mib(arguments.pid))
        for name in names:
            assert call(address, "DELETE", f"/models/{name}") == 200, name
        empty.append(resident_mib(arguments.pid))
    early, late = max(empty[:3]), empty[-1]
    print(
        f"{max(full):.0f} MiB with {len(names)} models; without: {empty[0]:.0f} MiB after the first round, "
        f"{late:.0f} MiB after {len(empty)}"
    )
    assert late <= early + MAX_GROWTH_MIB, (early, late)
    assert late < max(full) - 5, "unloading releases no memory"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["ping", "lines", "memory"], help="requirement to check")
    parser.add_argument("--address", required=True, help="HOST:PORT of the server")
    parser.add_argument("--pid", type=int, help="process id of the server, for memory")
    parser.add_argument("--url", help="URL of the model to load, for memory")
    parser.add_argument("--rounds", type=int, default=12, help="number of rounds, for memory")
    arguments = parser.parse_args()
    {"ping": ping, "lines": lines, "memory": memory}[arguments.what](arguments)


if __name__ == "__main__":
    main()
