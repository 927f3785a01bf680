"""A virtual environment for each peer, made once for each list of packages."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

SERVERS = Path(__file__).with_name("servers")


class SetupError(Exception):
    """A peer could not be installed or prepared; the message ends with what the tool said."""


def tail(text: str, lines: int = 15) -> str:
    """The last lines, which is where tools say what went wrong."""
    return "\n".join(text.strip().splitlines()[-lines:])


def environment(folder: str, *, uv: Path, cache: Path) -> Path:
    """The environment of `servers/<folder>/requirements.txt`, made when it is not there."""
    requirements = SERVERS / folder / "requirements.txt"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()[:16]
    home = cache / f"peer-{folder}-{digest}"
    if (home / "bin" / "python").exists():
        return home
    part = home.with_name(home.name + ".part")
    # Programs of the environment name its Python by path, so it is moved by a relocatable venv.
    _run([str(uv), "venv", "--quiet", "--clear", "--relocatable", str(part)], folder)
    python = str(part / "bin" / "python")
    # Compiled now, for some peers start many processes that would each compile it all again.
    install = [str(uv), "pip", "install", "--quiet", "--compile-bytecode", "--python", python]
    _run([*install, "-r", str(requirements)], folder)
    shutil.rmtree(home, ignore_errors=True)
    part.rename(home)
    return home


def folders(home: Path) -> dict[str, str]:
    """Where the Python of an environment says that its shared library and its packages lie."""
    ask = (
        "import sysconfig; print(sysconfig.get_config_var('LIBDIR'), sysconfig.get_path('purelib'))"
    )
    command = [str(home / "bin" / "python"), "-c", ask]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return dict(zip(("libpython", "site"), said.split(), strict=True))


def versions(folder: str, packages: tuple[str, ...]) -> dict[str, str]:
    """The pinned version of each package, and of the runtime that the model runs in."""
    pins = {}
    for line in (SERVERS / folder / "requirements.txt").read_text().splitlines():
        name, separator, version = line.partition("==")
        if separator:
            pins[name.strip().lower().partition("[")[0]] = version.split()[0]
    return {name: pins[name] for name in (*packages, "onnxruntime")}


def _run(command: list[str], folder: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SetupError(f"{folder} is not installed:\n{tail(done.stdout + done.stderr)}")
