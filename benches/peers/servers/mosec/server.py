"""Mosec: a Rust front end that batches, and one Python worker that runs the model."""

from typing import Any

from mosec import Server, Worker

from forecaster import Forecaster


class Model(Worker):
    """A worker that receives a list of parsed bodies, since batching is enabled."""

    def __init__(self) -> None:
        super().__init__()
        self.forecaster = Forecaster.from_environment()

    def forward(self, data: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Forecast the whole batch in one run."""
        return self.forecaster.forecast(data)


if __name__ == "__main__":
    server = Server()
    server.append_worker(Model, num=1, max_batch_size=64, max_wait_time=1)
    server.run()
