"""Virtual environments of the peers, created once for each list of packages."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

SERVERS = Path(__file__).with_name("servers")


class SetupError(Exception):
    """A peer could not be installed or prepared; the message ends with the output of the tool."""


def tail(text: str, lines: int = 15) -> str:
    """Return the last lines, in which tools report errors."""
    return "\n".join(text.strip().splitlines()[-lines:])


def environment(folder: str, *, uv: Path, cache: Path) -> Path:
    """Return the environment of `servers/<folder>/requirements.txt`, created if it is missing."""
    requirements = SERVERS / folder / "requirements.txt"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()[:16]
    home = cache / f"peer-{folder}-{digest}"
    if (home / "bin" / "python").exists():
        return home
    part = home.with_name(home.name + ".part")
    # Programs contain the path of the environment's Python; a relocatable one can be renamed.
    _run([str(uv), "venv", "--quiet", "--clear", "--relocatable", str(part)], folder)
    python = str(part / "bin" / "python")
    # Bytecode is compiled now: some peers start many processes that would each compile all of it.
    install = [str(uv), "pip", "install", "--quiet", "--compile-bytecode", "--python", python]
    _run([*install, "-r", str(requirements)], folder)
    shutil.rmtree(home, ignore_errors=True)
    part.rename(home)
    return home


def folders(home: Path) -> dict[str, str]:
    """Return the folders of the shared library and of the packages of an environment's Python."""
    program = (
        "import sysconfig; print(sysconfig.get_config_var('LIBDIR'), sysconfig.get_path('purelib'))"
    )
    command = [str(home / "bin" / "python"), "-c", program]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return dict(zip(("libpython", "site"), output.split(), strict=True))


def versions(folder: str, packages: tuple[str, ...]) -> dict[str, str]:
    """Return the pinned version of each package, and of ONNX Runtime."""
    pins = {}
    for line in (SERVERS / folder / "requirements.txt").read_text().splitlines():
        name, separator, version = line.partition("==")
        if separator:
            pins[name.strip().lower().partition("[")[0]] = version.split()[0]
    return {name: pins[name] for name in (*packages, "onnxruntime")}


def _run(command: list[str], folder: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SetupError(f"installing {folder} failed:\n{tail(done.stdout + done.stderr)}")
