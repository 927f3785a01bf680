"""The peers: command, protocol and batching of each server."""

from __future__ import annotations

from dataclasses import dataclass, field

MLFLOW_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_TRACKING_URI": "sqlite:///{work}/mlflow.db",
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
}


@dataclass(frozen=True)
class Peer:
    """One server in one configuration.

    In `command`, `prepare` and `env`, `{bin}` is the folder of the peer's Python programs, `{site}`
    that of its packages, `{libpython}` that of its shared library, `{peers}` the folder of this
    file; `{port}`, `{port2}` and `{port3}` are free ports, and `{work}` is a temporary folder that
    exists as long as the server. Both commands run in the peer's folder, with PEER_BUNDLE,
    PEER_PORT and PEER_WORK set.

    The version is read from `packages`. A `request_path` of Python means that no part of a request
    is handled by a server in another language (except for ONNX Runtime, numpy and parsers).
    """

    name: str
    folder: str
    packages: tuple[str, ...]
    command: tuple[str, ...]
    batching: str
    request_path: str = "Python"
    envelope: str = "short"
    path: str = "/forecast"
    ready_path: str = "/ready"
    prepare: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)


def gunicorn(*arguments: str) -> tuple[str, ...]:
    """Return the command of Gunicorn with Flask's app, as in Flask's documentation."""
    return ("{bin}/gunicorn", "--bind", "127.0.0.1:{port}", *arguments, "server:app")


PEERS = (
    Peer(
        name="flask-sync",
        folder="flask",
        packages=("flask", "gunicorn"),
        command=gunicorn("--workers", "3"),
        batching="none; 3 processes",
    ),
    Peer(
        name="flask-gthread",
        folder="flask",
        packages=("flask", "gunicorn"),
        command=gunicorn("--worker-class", "gthread", "--workers", "1", "--threads", "4"),
        batching="none; 4 threads",
    ),
    Peer(
        name="fastapi",
        folder="fastapi",
        packages=("fastapi", "uvicorn"),
        command=(
            *("{bin}/uvicorn", "server:app", "--host", "127.0.0.1", "--port", "{port}"),
            *("--workers", "1", "--no-access-log", "--log-level", "warning"),
        ),
        batching="none",
    ),
    Peer(
        name="mosec",
        folder="mosec",
        packages=("mosec",),
        command=(
            *("{bin}/python", "server.py", "--address", "127.0.0.1", "--port", "{port}"),
            *("--timeout", "30000", "--log-level", "warning"),
        ),
        batching="up to 64, 1 ms",
        request_path="Rust, Python",
        path="/inference",
        ready_path="/metrics",
    ),
    Peer(
        name="pytriton",
        folder="pytriton",
        packages=("nvidia-pytriton",),
        command=("{bin}/python", "server.py"),
        batching="up to 64, no delay",
        # Triton's Python stub loads the shared library of Python, which must match this Python.
        env={"LD_LIBRARY_PATH": "{libpython}"},
        request_path="C++, Python",
        envelope="v2",
        path="/v2/models/forecaster/infer",
        ready_path="/v2/models/forecaster/ready",
    ),
    Peer(
        name="triton-python",
        folder="pytriton",
        packages=("nvidia-pytriton",),
        prepare=("{bin}/python", "backend.py"),
        command=(
            *("{site}/pytriton/tritonserver/bin/tritonserver", "--model-repository", "repository"),
            *("--backend-directory", "{work}/backends", "--http-address", "127.0.0.1"),
            *("--http-port", "{port}", "--allow-grpc", "false", "--allow-metrics", "false"),
        ),
        batching="up to 64, no delay",
        env={
            "LD_LIBRARY_PATH": "{libpython}:{site}/nvidia_pytriton.libs",
            "PEER_PATH": "{peers}:{site}",
        },
        request_path="C++, Python",
        envelope="v2",
        path="/v2/models/forecaster/infer",
        ready_path="/v2/models/forecaster/ready",
    ),
    Peer(
        name="litserve",
        folder="litserve",
        packages=("litserve",),
        command=("{bin}/python", "server.py"),
        batching="up to 64, 5 ms",
        ready_path="/health",
    ),
    Peer(
        name="bentoml",
        folder="bentoml",
        packages=("bentoml",),
        command=(
            *("{bin}/bentoml", "serve", "server:Model", "--host", "127.0.0.1"),
            *("--port", "{port}"),
        ),
        batching="up to 64, adaptive",
        envelope="bodies",
        ready_path="/readyz",
        env={"BENTOML_DO_NOT_TRACK": "true", "BENTOML_HOME": "{work}/bentoml"},
    ),
    Peer(
        name="mlserver",
        folder="mlserver",
        packages=("mlserver",),
        command=("{bin}/mlserver", "start", "."),
        batching="up to 64, 5 ms",
        envelope="v2",
        path="/v2/models/forecaster/infer",
        ready_path="/v2/models/forecaster/ready",
        env={
            "MLSERVER_HTTP_PORT": "{port}",
            "MLSERVER_GRPC_PORT": "{port2}",
            "MLSERVER_METRICS_PORT": "{port3}",
        },
    ),
    Peer(
        name="mlflow",
        folder="mlflow",
        packages=("mlflow",),
        prepare=("{bin}/python", "log_model.py"),
        command=(
            *("{bin}/mlflow", "models", "serve", "--model-uri", "{work}/model"),
            *("--env-manager", "local", "--host", "127.0.0.1", "--port", "{port}"),
            *("--workers", "1"),
        ),
        batching="none",
        envelope="inputs",
        path="/invocations",
        ready_path="/ping",
        env=MLFLOW_QUIET,
    ),
    Peer(
        name="ray-serve",
        folder="ray",
        packages=("ray",),
        command=("{bin}/python", "server.py"),
        batching="up to 64, 5 ms",
        ready_path="/-/healthz",
        env={
            "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_AUTH_MODE": "disabled",
            "RAY_enable_metrics_collection": "0",
            "RAY_TMPDIR": "{work}",
        },
    ),
    Peer(
        name="kserve",
        folder="kserve",
        packages=("kserve",),
        command=("{bin}/python", "server.py", "--log_config_file", "logging.json"),
        batching="none",
        envelope="instances",
        path="/v1/models/forecaster:predict",
        ready_path="/v2/health/ready",
    ),
)
