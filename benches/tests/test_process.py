"""Starting, observing and stopping of servers."""

import os
import sys

import pytest

from almanac_bench.process import Server, ServerError, free_port, is_running

SERVE = """
import http.server, sys
http.server.test(http.server.SimpleHTTPRequestHandler, port=int(sys.argv[1]), bind="127.0.0.1")
"""


def server(tmp_path, *arguments, port=None, **options):
    port = port or free_port()
    return Server(
        [sys.executable, "-c", *(arguments or (SERVE, str(port)))],
        url=f"http://127.0.0.1:{port}",
        cores=str(min(os.sched_getaffinity(0))),
        env={},
        cwd=tmp_path,
        ready_path="/",
        log=tmp_path / "log",
        **{"ready_seconds": 20, **options},
    )


def test_a_server_is_pinned_observed_and_stopped(tmp_path):
    with server(tmp_path) as running:
        pid = running.pid
        assert os.sched_getaffinity(pid) == {min(os.sched_getaffinity(0))}
        assert running.rss_mib() > 1 and running.pss_mib() > 1 and running.cpu_seconds() > 0
    assert not is_running(pid)


def test_a_server_settles_when_it_has_no_work_left(tmp_path):
    port = free_port()
    # Busy while the file exists.
    busy = (
        "import os, threading, time\n"
        "def spin():\n  while os.path.exists('busy'): pass\n"
        "threading.Thread(target=spin).start()\n" + SERVE
    )
    (tmp_path / "busy").touch()
    with server(tmp_path, busy, str(port), port=port) as running:
        assert running.cpu_share(0.3) > 0.2
        assert running.settle(0.2, window_seconds=0.1, limit=0.3) > 0.2
        (tmp_path / "busy").unlink()
        assert running.settle(0.2, window_seconds=0.1) <= 0.2
        assert running.cpu_share(0.3) < 0.2


def test_children_are_observed_and_stopped(tmp_path):
    port = free_port()
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SERVE!r}, '{port}'])"
    with server(tmp_path, parent, port=port) as running:
        pids = running.pids()
        assert len(pids) == 2
    assert not any(is_running(pid) for pid in pids)


def test_a_server_that_dies_is_reported_with_its_log(tmp_path):
    with pytest.raises(ServerError, match="status 3\n(.|\n)*no model"):
        server(tmp_path, "print('no model'); raise SystemExit(3)").__enter__()


def test_a_server_that_never_responds_is_stopped(tmp_path):
    with pytest.raises(ServerError, match="does not return 2xx"):
        server(tmp_path, "import time; time.sleep(60)", ready_seconds=0.2).__enter__()


def test_a_port_in_use_is_refused(tmp_path):
    with server(tmp_path) as running:
        port = int(running.url.rpartition(":")[2])
        with pytest.raises(ServerError, match="another process already listens"):
            server(tmp_path, SERVE, str(port), port=port).__enter__()
