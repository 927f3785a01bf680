"""Replaces a model version repeatedly under load, and checks every response.

Each response must have status 200, name one version, and contain the golden forecasts of that version.
In between, corrupt, incomplete and wrong versions are added; none of them may ever respond.
"""

import argparse
import http.client
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from swap_bundles import NAME, Bundles, remove, write

BASELINE_SECONDS = 8.0
TOLERANCE = 2e-4


class Load:
    """Clients that send requests continuously, each over one connection."""

    def __init__(self, address: str, bundles: Bundles, levels: list[float]):
        self.address = address
        self.bundles = bundles
        case = bundles.golden["cases"][0]
        self.levels = [f"{level:g}" for level in levels]
        self.body = json.dumps(
            {
                "model": NAME,
                "values": case["values"],
                "season_length": case["season_length"],
                "horizon": case["horizon"],
                "quantiles": levels,
            }
        )
        self.expected: dict[int, list[list[float]]] = {}
        self.stop = threading.Event()
        self.failed: list[str] = []
        self.seen: set[int] = set()
        self.durations: list[float] = []

    def client(self) -> None:
        """Post requests over one connection until stopped, and check the responses."""
        connection = http.client.HTTPConnection(self.address, timeout=20)
        while not self.stop.is_set():
            started = time.perf_counter()
            try:
                connection.request("POST", "/forecast", self.body)
                response = connection.getresponse()
                text = response.read()
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(repr(error))
                continue
            self.durations.append(time.perf_counter() - started)
            if response.status != 200:
                self.failed.append(f"status {response.status}: {text[:300]!r}")
            elif problem := self.problem_with(json.loads(text)):
                self.failed.append(problem)

    def problem_with(self, result: dict[str, Any]) -> str | None:
        """Compare a result with the golden forecasts of its version."""
        version = int(result["model"]["version"])
        self.seen.add(version)
        if version not in self.expected:
            self.expected[version] = self.bundles.expected(version)
        quantiles = result["forecasts"][0]["quantiles"]
        for level, row in zip(self.levels, self.expected[version], strict=True):
            for expected, value in zip(row, quantiles[level], strict=True):
                if abs(value - expected) > TOLERANCE * abs(expected):
                    return f"version {version} returned {value} at {level}, expected {expected}"
        return None


def p99(durations: list[float]) -> float:
    """Return the 99th percentile; NaN if there are no durations."""
    return sorted(durations)[len(durations) * 99 // 100] if durations else float("nan")


def resident_mib(pid: int) -> float:
    """Return the resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


class Server:
    """The server under test, with its admin listener."""

    def __init__(self, address: str, admin: str, pid: int):
        self.address, self.admin, self.pid = address, admin, pid

    def get(self, path: str) -> dict[str, Any]:
        """GET a JSON document."""
        connection = http.client.HTTPConnection(self.address, timeout=20)
        connection.request("GET", path)
        return json.loads(connection.getresponse().read())

    def reload(self, by_signal: bool) -> None:
        """Request a scan for new versions, by SIGHUP or over the admin listener."""
        if by_signal:
            os.kill(self.pid, signal.SIGHUP)
            return
        connection = http.client.HTTPConnection(self.admin, timeout=20)
        connection.request("POST", "/admin/reload")
        status = connection.getresponse().status
        assert status == 202, status

    def versions(self) -> dict[str, Any]:
        """Return the state of all versions."""
        return self.get(f"/models/{NAME}/versions")

    def until(self, what: str, holds: Callable[[dict[str, Any]], bool]) -> None:
        """Wait until a condition on the versions holds."""
        deadline = time.monotonic() + 60
        while not holds(self.versions()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what}: {json.dumps(self.versions(), indent=1)[:3000]}")
            time.sleep(0.01)


def bad(bundles: Bundles, kind: str) -> dict[str, bytes]:
    """Return the files of version 9000 with an error."""
    files = bundles.files(9000)
    if kind == "corrupt":
        files["model.onnx"] = files["model.onnx"][:-1] + b"\0"
    elif kind == "truncated":
        files["model.onnx"] = files["model.onnx"][: len(files["model.onnx"]) // 2]
        files["manifest.toml"] = bundles.manifest_of(files, "9000")
    elif kind == "wrong forecasts":
        files["model.onnx"] = bundles.scaled(0.5)
        files["manifest.toml"] = bundles.manifest_of(files, "9000")
    elif kind == "misplaced":
        files = bundles.files(9000, named="9001")
    return files


KINDS = ["corrupt", "truncated", "wrong forecasts", "misplaced"]

# A version without manifest, newer than those that are swapped.
HALF = "8000"


def refuse(server: Server, folder: Path, bundles: Bundles, kind: str) -> str:
    """Add a bad version, and return the reason for its rejection."""
    write(folder, "9000", bad(bundles, kind))
    server.reload(by_signal=False)

    def latest(state: dict[str, Any]) -> dict[str, Any]:
        return state["versions"][0]

    def is_refused(state: dict[str, Any]) -> bool:
        return (latest(state)["version"], latest(state)["state"]) == ("9000", "failed")

    server.until(f"a {kind} version is refused", is_refused)
    reason = latest(server.versions())["reason"]
    remove(folder, "9000")
    server.reload(by_signal=False)
    return reason


def write_half(folder: Path, bundles: Bundles) -> None:
    """Add an incomplete version."""
    files = bundles.files(int(HALF))
    del files["manifest.toml"]
    write(folder, HALF, files)


def swap(server: Server, folder: Path, bundles: Bundles, version: int) -> float:
    """Publish a version, and return the seconds until it responds."""
    files = bundles.files(version)
    started = time.monotonic()
    write(folder, str(version), files)
    server.reload(by_signal=version % 2 == 0)
    server.until(f"version {version} responds", lambda state: state.get("serving") == str(version))
    took = time.monotonic() - started
    remove(folder, str(version - 1))
    return took


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", required=True, help="HOST:PORT of the server")
    parser.add_argument("--admin", required=True, help="HOST:PORT of the admin listener")
    parser.add_argument("--pid", type=int, required=True, help="process id of the server")
    parser.add_argument("--folder", type=Path, required=True, help="folder of the models")
    parser.add_argument("--original", type=Path, required=True, help="bundle to derive versions of")
    parser.add_argument("--swaps", type=int, default=100, help="number of new versions")
    parser.add_argument("--clients", type=int, default=4, help="number of connections")
    parser.add_argument("--assert-p99", action="store_true", help="fail if p99 more than doubles")
    arguments = parser.parse_args()

    bundles = Bundles(arguments.original)
    server = Server(arguments.address, arguments.admin, arguments.pid)
    server.until("the first version responds", lambda state: state.get("serving") == "1")
    levels = server.get(f"/models/{NAME}")["quantile_levels"]
    load = Load(arguments.address, bundles, levels)
    clients = [threading.Thread(target=load.client) for _ in range(arguments.clients)]
    for client in clients:
        client.start()
    try:
        time.sleep(BASELINE_SECONDS)
        load.durations.clear()
        time.sleep(BASELINE_SECONDS)
        alone, load.durations = load.durations, []
        took: list[float] = []
        resident: list[float] = []
        reasons: dict[str, str] = {}
        for version in range(2, arguments.swaps + 2):
            took.append(swap(server, arguments.folder, bundles, version))
            resident.append(resident_mib(arguments.pid))
            if version % 10 == 5:
                write_half(arguments.folder, bundles)
            if version % 10 == 6:
                # The scan that found the swapped version has seen the incomplete one too.
                listed = [one["version"] for one in server.versions()["versions"]]
                assert HALF not in listed, "a version without manifest was accepted"
                remove(arguments.folder, HALF)
            if version % 10 == 0:
                kind = KINDS[version // 10 % len(KINDS)]
                reasons[kind] = refuse(server, arguments.folder, bundles, kind)
        swapping = load.durations
    finally:
        load.stop.set()
        for client in clients:
            client.join()

    ratio = p99(swapping) / p99(alone)
    early, late = max(resident[5:15] or resident), resident[-1]
    print(f"{len(took)} swaps, each {min(took):.2f} to {max(took):.2f} s after the files")
    print(f"{len(alone)} responses before, p99 {p99(alone) * 1e3:.1f} ms")
    print(
        f"{len(swapping)} responses during swaps, p99 {p99(swapping) * 1e3:.1f} ms, ratio {ratio:.2f}"
    )
    print(f"{len(load.seen)} versions responded")
    print(f"memory {early:.0f} MiB after 15 swaps, {late:.0f} MiB after {len(took)}")
    for kind, reason in reasons.items():
        print(f"{kind}: {reason}")
    problems = load.failed[:5]
    if load.failed:
        problems.append(f"{len(load.failed)} responses are wrong or missing")
    if not load.seen <= set(range(1, arguments.swaps + 2)):
        problems.append(f"unexpected versions responded: {load.seen}")
    if len(load.seen) < arguments.swaps // 2:
        problems.append(f"only {len(load.seen)} versions responded; the load was too low")
    if late > early * 1.2 + 8:
        problems.append(f"memory grew from {early:.0f} to {late:.0f} MiB")
    if arguments.assert_p99 and ratio > 2:
        problems.append(f"p99 is {ratio:.2f} times as high during swaps")
    print("\n".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
