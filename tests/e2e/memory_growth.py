"""Adds bundles to a running server, one after the other, and measures the growth of its memory.

    memory_growth.py PROGRAM FOLDER BUNDLE...

Starts PROGRAM on FOLDER, which holds the model `seasonal`, and copies each BUNDLE there once the server
is warm. Prints a line for each: name, size of its graph, the server's own estimate, growth of anonymous
memory (RssAnon) after loading and after large batches, in MiB; then the ratio of the estimate and the
last growth, or its inverse, whichever is larger.
"""

import json
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

PROGRAM, FOLDER = sys.argv[1], Path(sys.argv[2])
MEBIBYTE = 2**20
# Long enough for the allocator to return freed memory.
SETTLE_SECONDS = 2
SERIES = [((step * 7) % 12) + step * 0.1 + 100 for step in range(144)]


class Server:
    """The server under test."""

    def __init__(self) -> None:
        self.log = FOLDER.with_suffix(".log")
        with self.log.open("w") as log:
            arguments = ["serve", "--listen", "127.0.0.1:0", "--log-format", "json"]
            arguments += ["--models", str(FOLDER), "--default-model", "seasonal"]
            arguments += ["--watch", "200ms", "--probation", "0s", "--workers", "2"]
            arguments += ["--log-requests", "failed"]
            self.process = subprocess.Popen([PROGRAM, *arguments], stderr=log)
        self.url = "http://" + self.line("listening")["address"]

    def line(self, message: str, model: str | None = None) -> dict[str, Any]:
        """Wait for a log line with the message, and with the model if one is given."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            for text in self.log.read_text().splitlines():
                line = json.loads(text)
                if line["message"] == message and model in (None, line.get("model")):
                    return line
            time.sleep(0.1)
        sys.exit(f"no {message!r} in\n{self.log.read_text()}")

    def anonymous_mib(self) -> float:
        """Return the anonymous memory of the process."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        match = re.search(r"RssAnon:\s+(\d+)", status)
        assert match, status
        return int(match[1]) / 1024

    def forecast(self, model: str, rows: int) -> None:
        """Send one request with a batch of `rows` series."""
        series = [{"values": SERIES}] * rows
        body = json.dumps({"model": model, "series": series, "horizon": 12}).encode()
        with urllib.request.urlopen(f"{self.url}/forecast", body, timeout=120) as response:
            response.read()

    def use(self, model: str) -> None:
        """Send small and large batches concurrently, and wait for the memory to settle."""
        for rows in (1, 1, 1, 64, 64):
            with ThreadPoolExecutor(4) as callers:
                list(callers.map(lambda _, rows=rows: self.forecast(model, rows), range(8)))
        time.sleep(SETTLE_SECONDS)


def measure(server: Server, bundle: Path) -> None:
    """Load a bundle, use it, and print its line."""
    match = re.search(r'^name = "(.+)"', (bundle / "manifest.toml").read_text(), re.MULTILINE)
    assert match, f"{bundle} has no name"
    name = match[1]
    before = server.anonymous_mib()
    part = FOLDER.with_suffix(".part")
    shutil.copytree(bundle, part)
    (FOLDER / name).mkdir()
    part.rename(FOLDER / name / "1")
    estimate = server.line("model ready", name)["estimated_bytes"] / MEBIBYTE
    time.sleep(SETTLE_SECONDS)
    loaded = server.anonymous_mib() - before
    server.use(name)
    used = server.anonymous_mib() - before
    graph = (bundle / "model.onnx").stat().st_size / MEBIBYTE
    ratio = max(estimate / used, used / estimate)
    print(f"{name:20} {graph:6.1f} {estimate:6.1f} {loaded:6.1f} {used:6.1f} {ratio:5.2f}")


server = Server()
try:
    server.line("model ready", "seasonal")
    server.use("seasonal")
    for bundle in sys.argv[3:]:
        measure(server, Path(bundle))
finally:
    server.process.terminate()
    server.process.wait()
