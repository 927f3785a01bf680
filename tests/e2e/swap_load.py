"""Replaces a model version again and again under load, and checks every answer.

Each answer must be a 200, name one version, and have the golden forecasts of that very version.
Versions that are corrupt, half written or wrong are dropped in between; none may ever answer.
"""

import argparse
import http.client
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

from swap_bundles import NAME, Bundles, remove, write

SECONDS_ALONE = 8.0
TOLERANCE = 2e-4


class Load:
    """Clients that ask without pause, each on one connection."""

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
        connection = http.client.HTTPConnection(self.address, timeout=20)
        while not self.stop.is_set():
            started = time.perf_counter()
            try:
                connection.request("POST", "/forecast", self.body)
                answer = connection.getresponse()
                text = answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(repr(error))
                continue
            self.durations.append(time.perf_counter() - started)
            if answer.status != 200:
                self.failed.append(f"status {answer.status}: {text[:300]!r}")
            elif problem := self.wrong(json.loads(text)):
                self.failed.append(problem)

    def wrong(self, answer: dict) -> str | None:
        version = int(answer["model"]["version"])
        self.seen.add(version)
        if version not in self.expected:
            self.expected[version] = self.bundles.expected(version)
        told = answer["forecasts"][0]["quantiles"]
        for level, row in zip(self.levels, self.expected[version], strict=True):
            for expected, value in zip(row, told[level], strict=True):
                if abs(value - expected) > TOLERANCE * abs(expected):
                    return f"version {version} answered {value} at {level}, and not {expected}"
        return None


def p99(durations: list[float]) -> float:
    return sorted(durations)[len(durations) * 99 // 100] if durations else float("nan")


def resident_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


class Server:
    def __init__(self, address: str, admin: str, pid: int):
        self.address, self.admin, self.pid = address, admin, pid

    def get(self, path: str) -> dict:
        connection = http.client.HTTPConnection(self.address, timeout=20)
        connection.request("GET", path)
        return json.loads(connection.getresponse().read())

    def look(self, by_signal: bool) -> None:
        if by_signal:
            os.kill(self.pid, signal.SIGHUP)
            return
        connection = http.client.HTTPConnection(self.admin, timeout=20)
        connection.request("POST", "/admin/reload")
        status = connection.getresponse().status
        assert status == 202, status

    def versions(self) -> dict:
        return self.get(f"/models/{NAME}/versions")

    def until(self, what: str, holds) -> None:
        deadline = time.monotonic() + 60
        while not holds(self.versions()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what}: {json.dumps(self.versions(), indent=1)[:3000]}")
            time.sleep(0.01)


def bad(bundles: Bundles, kind: str) -> dict[str, bytes]:
    """The files of version 9000 with something wrong."""
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

# A version whose manifest has not come yet, newer than those that swap.
HALF = "8000"


def refuse(server: Server, folder: Path, bundles: Bundles, kind: str) -> str:
    """Drops a bad version, and gives the reason why it was refused."""
    write(folder, "9000", bad(bundles, kind))
    server.look(by_signal=False)

    def latest(state: dict) -> dict:
        return state["versions"][0]

    def is_refused(state: dict) -> bool:
        return (latest(state)["version"], latest(state)["state"]) == ("9000", "failed")

    server.until(f"a {kind} version is refused", is_refused)
    reason = latest(server.versions())["reason"]
    remove(folder, "9000")
    server.look(by_signal=False)
    return reason


def write_half(folder: Path, bundles: Bundles) -> None:
    files = bundles.files(int(HALF))
    del files["manifest.toml"]
    write(folder, HALF, files)


def swap(server: Server, folder: Path, bundles: Bundles, version: int) -> float:
    """Publishes a version, and gives the seconds until it answers."""
    files = bundles.files(version)
    started = time.monotonic()
    write(folder, str(version), files)
    server.look(by_signal=version % 2 == 0)
    server.until(f"version {version} answers", lambda state: state.get("serving") == str(version))
    took = time.monotonic() - started
    remove(folder, str(version - 1))
    return took


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", required=True)
    parser.add_argument("--admin", required=True)
    parser.add_argument("--pid", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--original", type=Path, required=True)
    parser.add_argument("--swaps", type=int, default=100)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--assert-p99", action="store_true")
    arguments = parser.parse_args()

    bundles = Bundles(arguments.original)
    server = Server(arguments.address, arguments.admin, arguments.pid)
    server.until("the first version answers", lambda state: state.get("serving") == "1")
    levels = server.get(f"/models/{NAME}")["quantile_levels"]
    load = Load(arguments.address, bundles, levels)
    clients = [threading.Thread(target=load.client) for _ in range(arguments.clients)]
    for client in clients:
        client.start()
    try:
        time.sleep(SECONDS_ALONE)
        load.durations.clear()
        time.sleep(SECONDS_ALONE)
        alone, load.durations = load.durations, []
        took, reasons, resident = [], {}, []
        for version in range(2, arguments.swaps + 2):
            took.append(swap(server, arguments.folder, bundles, version))
            resident.append(resident_mib(arguments.pid))
            if version % 10 == 5:
                write_half(arguments.folder, bundles)
            if version % 10 == 6:
                # The swap was seen by a look that saw the half too.
                listed = [one["version"] for one in server.versions()["versions"]]
                assert HALF not in listed, "a version without its manifest was taken for one"
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
    print(f"{len(alone)} answers before, p99 {p99(alone) * 1e3:.1f} ms")
    print(
        f"{len(swapping)} answers during swaps, p99 {p99(swapping) * 1e3:.1f} ms, ratio {ratio:.2f}"
    )
    print(f"{len(load.seen)} versions answered")
    print(f"memory {early:.0f} MiB after 15 swaps, {late:.0f} MiB after {len(took)}")
    for kind, reason in reasons.items():
        print(f"{kind}: {reason}")
    problems = load.failed[:5]
    if load.failed:
        problems.append(f"{len(load.failed)} answers are wrong or missing")
    if not load.seen <= set(range(1, arguments.swaps + 2)):
        problems.append(f"versions {load.seen} answered")
    if len(load.seen) < arguments.swaps // 2:
        problems.append(f"only {len(load.seen)} versions answered: the load was too light to tell")
    if late > early * 1.2 + 8:
        problems.append(f"memory grows from {early:.0f} to {late:.0f} MiB")
    if arguments.assert_p99 and ratio > 2:
        problems.append(f"p99 is {ratio:.2f} times as long during swaps")
    print("\n".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
