"""Almanac and the peers as running servers."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from almanac_bench.process import Server, pinned
from catalogue import Peer
from envelopes import ENVELOPES, Envelope
from environments import SERVERS, SetupError, environment, folders, tail

PEERS_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Setting:
    """The settings shared by all servers of a comparison.

    `bundle` is the folder of one model version; two levels up is the folder of models by name.
    """

    bundle: Path
    server_core: str
    uv: Path
    cache: Path
    logs: Path


@dataclass(frozen=True)
class Running:
    """A server that is ready, and its protocol."""

    server: Server
    url: str
    envelope: Envelope

    def forecast(self, body: bytes, seconds: float = 60.0) -> np.ndarray:
        """Send a body in Almanac's short form, and return the quantiles, `[level, step]`."""
        request = urllib.request.Request(
            self.url, self.envelope.request(body), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=seconds) as response:
                return self.envelope.quantiles(response.read())
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            raise ResponseError(f"status {error.code}: {text[:500]}") from error
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            raise ResponseError(f"{type(error).__name__}: {error}") from error


class ResponseError(Exception):
    """A server sent no response, or an invalid one."""


@contextlib.contextmanager
def running_almanac(binary: Path, setting: Setting) -> Iterator[Running]:
    """Run Almanac with one model and default settings."""
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    bundle = setting.bundle
    command = [str(binary), "serve", "--listen", f"127.0.0.1:{port}", "--log-level", "warn"]
    command += ["--models", str(bundle.parent.parent), "--default-model", bundle.parent.name]
    with Server(
        command,
        url=url,
        cores=setting.server_core,
        env=None,
        cwd=None,
        ready_path="/readyz",
        log=setting.logs / "almanac.log",
    ) as server:
        yield Running(server, f"{url}/forecast", ENVELOPES["almanac"])


@contextlib.contextmanager
def running_peer(peer: Peer, setting: Setting) -> Iterator[Running]:
    """Run a peer in its own environment, with a temporary folder."""
    home = environment(peer.folder, uv=setting.uv, cache=setting.cache)
    ports = [str(port) for port in free_ports(3)]
    # A short path: Ray creates sockets in it, whose names are limited to 107 bytes.
    with tempfile.TemporaryDirectory(prefix="peer-", ignore_cleanup_errors=True) as work:
        words = dict(zip(("port", "port2", "port3"), ports, strict=True))
        words |= {"bin": str(home / "bin"), "work": work, "peers": str(PEERS_FOLDER)}
        words |= folders(home)
        env = peer_env(peer, setting, words)
        folder = SERVERS / peer.folder
        if peer.prepare:
            _prepare([word.format(**words) for word in peer.prepare], env, folder, setting)
        url = f"http://127.0.0.1:{ports[0]}"
        with Server(
            [word.format(**words) for word in peer.command],
            url=url,
            cores=setting.server_core,
            env=env,
            cwd=folder,
            ready_path=peer.ready_path,
            log=setting.logs / f"{peer.name}.log",
        ) as server:
            yield Running(server, url + peer.path, ENVELOPES[peer.envelope])


def peer_env(peer: Peer, setting: Setting, words: dict[str, str]) -> dict[str, str]:
    """Return the variables that are added to the environment of a peer."""
    return {
        "PATH": f"{words['bin']}:{os.environ['PATH']}",
        "PYTHONPATH": str(PEERS_FOLDER),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PEER_BUNDLE": str(setting.bundle),
        "PEER_PORT": words["port"],
        "PEER_WORK": words["work"],
        # Libraries that count cores detect the one they are pinned to; none starts more threads.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        **{name: value.format(**words) for name, value in peer.env.items()},
    }


def free_ports(count: int) -> list[int]:
    """Return loopback ports on which nothing listens at the moment."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _prepare(command: list[str], env: dict[str, str], folder: Path, setting: Setting) -> None:
    done = subprocess.run(
        pinned(command, setting.server_core),
        env={**os.environ, **env},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if done.returncode != 0:
        raise SetupError(f"{' '.join(command)} failed:\n{tail(done.stdout + done.stderr)}")
