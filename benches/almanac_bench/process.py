"""Servers under test: pinned to cores, started, observed, and stopped with their children."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from types import TracebackType

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
# Interval of the readiness checks during start.
POLL_SECONDS = 0.02


class ServerError(Exception):
    """A server died or did not become ready; the message ends with the tail of its log."""


def pinned(command: list[str], cores: str) -> list[str]:
    """Return `command` pinned to `cores`, in the format of taskset: "0", "0-1", "0,2"."""
    return ["taskset", "--cpu-list", cores, *command]


class Server:
    """A server process and all its children, running inside a `with` block.

    Example:
      with Server(["almanac", "serve"], url="http://127.0.0.1:8080", cores="0",
                  env=None, cwd=None, ready_path="/readyz", log=Path("server.log")) as server:
          print(server.rss_mib())

    `env` extends the environment of this process. The server is ready when `url + ready_path`
    responds with 2xx. Both output streams go to `log`.
    """

    def __init__(
        self,
        command: list[str],
        *,
        url: str,
        cores: str,
        env: dict[str, str] | None,
        cwd: Path | None,
        ready_path: str,
        log: Path,
        ready_seconds: float = 120.0,
        end_signal: signal.Signals = signal.SIGTERM,
        end_seconds: float = 10.0,
    ):
        self.command = command
        self.url = url
        self.cores = cores
        self.log = log
        self._env = {**os.environ, **(env or {})}
        self._cwd = cwd
        self._ready_url = url + ready_path
        self._ready_seconds = ready_seconds
        self._end_signal = end_signal
        self._end_seconds = end_seconds
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Server:
        if _listens(self.url):
            raise ServerError(f"another process already listens at {self.url}")
        with self.log.open("wb") as log:
            # A session of its own, so that its children can be found and ended with it.
            self._process = subprocess.Popen(
                pinned(self.command, self.cores),
                env=self._env,
                cwd=self._cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    @property
    def pid(self) -> int:
        """The id of the server's first process."""
        if self._process is None:
            raise ServerError("the server is not running")
        return self._process.pid

    def rss_mib(self) -> float:
        """Return the resident memory of all processes; pages shared by forks count repeatedly."""
        return sum(_memory_kib(pid, "status", "VmRSS:") for pid in self.pids()) / 1024

    def pss_mib(self) -> float:
        """Return the proportional memory of all processes, in which shared pages count once."""
        return sum(_memory_kib(pid, "smaps_rollup", "Pss:") for pid in self.pids()) / 1024

    def cpu_seconds(self) -> float:
        """Return the CPU time of all processes so far, including children that have ended."""
        ticks = 0
        for pid in self.pids():
            fields = _stat_fields(pid)
            # utime, stime, cutime, cstime: fields 14 to 17 of proc(5); index 0 is field 3.
            ticks += sum(int(field) for field in fields[11:15])
        return ticks / TICKS_PER_SECOND

    def cpu_share(self, seconds: float) -> float:
        """Measure the share of a core that the server uses over the next `seconds`."""
        before, started = self.cpu_seconds(), time.monotonic()
        time.sleep(seconds)
        return (self.cpu_seconds() - before) / (time.monotonic() - started)

    def settle(self, share: float, *, window_seconds: float = 0.25, limit: float = 30.0) -> float:
        """Wait until the server has finished the work that the last clients left behind.

        That is, until it uses at most `share` of a core during a window, or for `limit` seconds.
        Returns the share used in the last window.
        """
        end = time.monotonic() + limit
        used = self.cpu_share(window_seconds)
        while used > share and time.monotonic() < end:
            used = self.cpu_share(window_seconds)
        return used

    def pids(self) -> list[int]:
        """Return the processes of the server's session and the descendants of its first process."""
        first = self.pid
        stats = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and (fields := _stat_fields(int(entry.name))):
                stats[int(entry.name)] = (int(fields[1]), int(fields[3]))
        found = {pid for pid, (_, session) in stats.items() if pid == first or session == first}
        while True:
            children = {pid for pid, (parent, _) in stats.items() if parent in found} - found
            if not children:
                return sorted(found)
            found |= children

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        end = time.monotonic() + self._ready_seconds
        ready = False
        while not ready:
            ready = answers(self._ready_url)
            status = self._process.poll()
            if status is not None:
                raise ServerError(f"the server exited with status {status}\n{self._log_tail()}")
            if not ready and time.monotonic() > end:
                raise ServerError(
                    f"{self._ready_url} does not return 2xx within {self._ready_seconds:g} s\n"
                    f"{self._log_tail()}"
                )
            time.sleep(POLL_SECONDS)

    def _log_tail(self, lines: int = 30) -> str:
        text = self.log.read_text(errors="replace").splitlines()
        return "\n".join([f"last lines of {self.log}:", *text[-lines:]])

    def _end(self) -> None:
        process = self._process
        if process is None:
            return
        pids = self.pids()
        if process.poll() is None:
            process.send_signal(self._end_signal)
            try:
                process.wait(self._end_seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        # Children that outlive their parent would keep the port and the core.
        left = [pid for pid in pids if pid != process.pid and _session_of(pid) == process.pid]
        for pid in left:
            _kill(pid)
        end = time.monotonic() + self._end_seconds
        while any(is_running(pid) for pid in left) and time.monotonic() < end:
            time.sleep(POLL_SECONDS)
        self._process = None


def answers(url: str, seconds: float = 2.0) -> bool:
    """Return true if a GET of `url` is answered with 2xx."""
    try:
        with urllib.request.urlopen(url, timeout=seconds) as response:
            return 200 <= response.status < 300
    except (urllib.error.URLError, OSError, ValueError):
        return False


def is_running(pid: int) -> bool:
    """Return true if the process exists and has not ended."""
    return _stat_fields(pid)[:1] not in ([], ["Z"], ["X"])


def _listens(url: str) -> bool:
    """Return true if the host and port of `url` accept connections."""
    address = urllib.parse.urlsplit(url)
    try:
        socket.create_connection((address.hostname, address.port or 80), timeout=2).close()
    except OSError:
        return False
    return True


def free_port() -> int:
    """Return a port on which nothing listens at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _stat_fields(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the third on; none if the process is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    # The second field, the name in parentheses, may itself contain spaces and parentheses.
    return text.rpartition(")")[2].split()


def _session_of(pid: int) -> int | None:
    fields = _stat_fields(pid)
    return int(fields[3]) if fields else None


def _memory_kib(pid: int, file: str, key: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith(key))


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
