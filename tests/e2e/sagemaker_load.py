"""What a SageMaker endpoint must bear: health checks under load, large payloads, models that come and go."""

import argparse
import http.client
import json
import threading
import time
from pathlib import Path

JSON = {"content-type": "application/json"}
LINES = {"content-type": "application/jsonlines", "accept": "application/jsonlines"}

# Of the contract.
MOST_SECONDS_OF_PING = 2.0
PAYLOAD_BYTES = 25_000_000

LOAD_SECONDS = 6.0
CLIENTS = 32

# What a round may leave behind: the allocators' own bookkeeping.
MOST_GROWTH_MIB = 12.0


def ping(arguments: argparse.Namespace) -> None:
    """Asks for health, each time on a new connection, while clients keep the queue full."""
    series = [
        {"values": [100 + (7 * step + shift) % 23 for step in range(144)]} for shift in range(50)
    ]
    body = json.dumps({"series": series, "horizon": 18})
    end = time.monotonic() + LOAD_SECONDS
    answered: list[int] = []

    def client() -> None:
        connection = http.client.HTTPConnection(arguments.address, timeout=60)
        while time.monotonic() < end:
            connection.request("POST", "/invocations", body, JSON)
            answer = connection.getresponse()
            answer.read()
            answered.append(answer.status)

    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    slowest, count = 0.0, 0
    while time.monotonic() < end:
        started = time.monotonic()
        connection = http.client.HTTPConnection(arguments.address, timeout=10)
        connection.request("GET", "/ping")
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        slowest = max(slowest, time.monotonic() - started)
        count += 1
        assert (answer.status, text) == (200, b""), (answer.status, text)
        time.sleep(0.05)
    for thread in threads:
        thread.join()
    good = answered.count(200)
    print(
        f"{count} pings, the slowest {slowest * 1e3:.0f} ms, beside {good} of {len(answered)} calls"
    )
    assert good > 0 and set(answered) <= {200, 429}, set(answered)
    assert slowest < MOST_SECONDS_OF_PING, slowest


def lines(arguments: argparse.Namespace) -> None:
    """Sends as much as SageMaker does at most; every line has its answer in its place."""
    records, size = [], 0
    while True:
        number = len(records)
        # A few long series among many short ones, one of them wrong.
        length = 2_000 if number % 100 == 0 else 24 + number % 60
        values = [number % 1_000 + step % 12 for step in range(length)]
        record = {"series": [{"id": f"s{number}", "values": values}], "horizon": 6}
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
    answer = connection.getresponse()
    text = answer.read()
    took = time.monotonic() - started
    assert answer.status == 200, (answer.status, text[:1_000])
    answers = text.splitlines()
    print(f"{size / 1e6:.1f} MB, {len(records)} lines in, {len(answers)} out, {took:.1f} s")
    assert len(answers) == len(records), (len(answers), len(records))
    for number, line in enumerate(answers):
        told = json.loads(line)
        if number == 1_000:
            assert told["code"] == "invalid_horizon", told
        else:
            assert "forecasts" in told, (number, told)
            assert told["forecasts"][0]["id"] == f"s{number}", (number, told)


def call(address: str, method: str, path: str, body: dict | None = None) -> int:
    connection = http.client.HTTPConnection(address, timeout=60)
    connection.request(method, path, json.dumps(body) if body else None, JSON)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def resident_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def memory(arguments: argparse.Namespace) -> None:
    """Loads and unloads models again and again: what they took is there again after each round."""
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
    assert late <= early + MOST_GROWTH_MIB, (early, late)
    assert late < max(full) - 5, "unloading gives nothing back"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["ping", "lines", "memory"])
    parser.add_argument("--address", required=True)
    parser.add_argument("--pid", type=int)
    parser.add_argument("--url")
    parser.add_argument("--rounds", type=int, default=12)
    arguments = parser.parse_args()
    {"ping": ping, "lines": lines, "memory": memory}[arguments.what](arguments)


if __name__ == "__main__":
    main()
