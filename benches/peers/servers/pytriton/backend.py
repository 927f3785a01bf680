"""Assembles Triton's Python backend in PEER_WORK from the parts that the wheel contains."""

import os
import shutil
import sys
from pathlib import Path

import pytriton

if __name__ == "__main__":
    wheel = Path(pytriton.__file__).parent / "tritonserver"
    backend = Path(os.environ["PEER_WORK"]) / "backends" / "python"
    shutil.copytree(wheel / "backends" / "python", backend)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    shutil.copy2(wheel / "python_backend_stubs" / version / "triton_python_backend_stub", backend)
    # Both locate the libraries of the wheel by a path relative to themselves.
    libraries = wheel.parent.parent / "nvidia_pytriton.libs"
    (backend.parent.parent / "nvidia_pytriton.libs").symlink_to(libraries)
