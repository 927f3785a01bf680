"""Creates distinguishable versions of one model: each scales the forecasts of a bundled one."""

import hashlib
import json
import shutil
from pathlib import Path

import onnx
from onnx import TensorProto, helper

NAME = "swap"


def factor(version: int) -> float:
    """Return the scale of a version. Neighbours differ by a hundred times the tolerance."""
    return 1.0 + 0.01 * version


def digest(content: bytes) -> str:
    """Return the digest of a file as in a manifest."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


class Bundles:
    """Versions derived from the bundle in `original`."""

    def __init__(self, original: Path):
        self.graph = onnx.load(original / "model.onnx")
        self.golden = json.loads((original / "golden.json").read_text())
        lines = (original / "manifest.toml").read_text().splitlines()
        self.manifest = [
            line for line in lines if not line.startswith(('name = "seasonal', "version"))
        ]

    def files(self, version: int, named: str | None = None) -> dict[str, bytes]:
        """Return the files of a version, whose manifest has the version `named`."""
        scaled = {
            **self.golden,
            "cases": [
                {
                    **case,
                    "quantiles": [
                        [value * factor(version) for value in row] for row in case["quantiles"]
                    ],
                }
                for case in self.golden["cases"]
            ],
        }
        files = {
            "model.onnx": self.scaled(factor(version)),
            "golden.json": json.dumps(scaled).encode(),
        }
        files["manifest.toml"] = self.manifest_of(files, named or str(version))
        return files

    def manifest_of(self, files: dict[str, bytes], version: str) -> bytes:
        """Return the manifest of a version, with the digests of its files."""
        lines = []
        for line in self.manifest:
            file = line.split('"')[1] if line.startswith('"') else ""
            lines.append(f'"{file}" = "{digest(files[file])}"' if file in files else line)
        format_line, *rest = lines
        return "\n".join(
            [format_line, f'name = "{NAME}"', f'version = "{version}"', *rest]
        ).encode()

    def scaled(self, scale: float) -> bytes:
        """Return the graph with its output multiplied."""
        model = onnx.ModelProto()
        model.CopyFrom(self.graph)
        graph = model.graph
        output = graph.output[0].name
        for node in graph.node:
            node.output[:] = ["unscaled" if name == output else name for name in node.output]
            node.input[:] = ["unscaled" if name == output else name for name in node.input]
        graph.initializer.append(helper.make_tensor("scale", TensorProto.FLOAT, [], [scale]))
        graph.node.append(helper.make_node("Mul", ["unscaled", "scale"], [output]))
        return model.SerializeToString()

    def expected(self, version: int) -> list[list[float]]:
        """Return the quantiles of the first golden series, by level and step."""
        rows = self.golden["cases"][0]["quantiles"]
        return [[value * factor(version) for value in row] for row in rows]


def write(folder: Path, version: str, files: dict[str, bytes]) -> None:
    """Publish a bundle safely: the manifest last, and each file renamed into place."""
    place = folder / NAME / version
    place.mkdir(parents=True, exist_ok=True)
    for file in sorted(files, key=lambda name: name == "manifest.toml"):
        part = place / f".{file}"
        part.write_bytes(files[file])
        part.rename(place / file)


def remove(folder: Path, version: str) -> None:
    """Delete a version."""
    shutil.rmtree(folder / NAME / version, ignore_errors=True)
