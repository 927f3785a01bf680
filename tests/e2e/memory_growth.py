"""Puts bundles beside a running server, one after the other, and measures what it grows by.

    memory_growth.py PROGRAM FOLDER BUNDLE...

Starts PROGRAM on FOLDER, which holds the model `seasonal`, and copies each BUNDLE there once the server is
warm. Prints a line for each: name, size of its graph, the server's own estimate, growth of its anonymous
memory (RssAnon) once loaded, and after large batches, in MiB; and then the larger of the last two ratios of
estimate and growth.
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

PROGRAM, FOLDER = sys.argv[1], Path(sys.argv[2])
MEBIBYTE = 2**20
# Long enough for freed memory to be given back.
REST = 2
SERIES = [((step * 7) % 12) + step * 0.1 + 100 for step in range(144)]


class Server:
    def __init__(self):
        self.log = FOLDER.with_suffix(".log")
        with self.log.open("w") as log:
            arguments = ["serve", "--listen", "127.0.0.1:0", "--log-format", "json"]
            arguments += ["--models", str(FOLDER), "--default-model", "seasonal"]
            arguments += ["--watch", "200ms", "--probation", "0s", "--workers", "2"]
            arguments += ["--log-requests", "failed"]
            self.process = subprocess.Popen([PROGRAM, *arguments], stderr=log)
        self.url = "http://" + self.line("listening")["address"]

    def line(self, message, model=None):
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            for text in self.log.read_text().splitlines():
                line = json.loads(text)
                if line["message"] == message and model in (None, line.get("model")):
                    return line
            time.sleep(0.1)
        sys.exit(f"no {message!r} in\n{self.log.read_text()}")

    def own(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"RssAnon:\s+(\d+)", status)[1]) / 1024

    def ask(self, model, rows):
        series = [{"values": SERIES}] * rows
        body = json.dumps({"model": model, "series": series, "horizon": 12}).encode()
        with urllib.request.urlopen(f"{self.url}/forecast", body, timeout=120) as answer:
            answer.read()

    def use(self, model):
        for rows in (1, 1, 1, 64, 64):
            with ThreadPoolExecutor(4) as callers:
                list(callers.map(lambda _, rows=rows: self.ask(model, rows), range(8)))
        time.sleep(REST)


def measure(server, bundle):
    name = re.search(r'^name = "(.+)"', (bundle / "manifest.toml").read_text(), re.MULTILINE)[1]
    before = server.own()
    part = FOLDER.with_suffix(".part")
    shutil.copytree(bundle, part)
    (FOLDER / name).mkdir()
    part.rename(FOLDER / name / "1")
    estimate = server.line("model ready", name)["estimated_bytes"] / MEBIBYTE
    time.sleep(REST)
    loaded = server.own() - before
    server.use(name)
    used = server.own() - before
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
