"""Renders the chart with each file of values/ to plain manifests in rendered/.

    python deploy/kubernetes/render.py [--check]

With --check nothing is written; outdated manifests are listed, and the exit status is 1. Requires
helm-python-sdk, which includes Helm, and PyYAML.
"""

import sys
from pathlib import Path
from typing import Any

import helm_python
import yaml

HERE = Path(__file__).resolve().parent
HEAD = "# Rendered from {values} by render.py; a test compares.\n"


def documents(values: dict[str, Any], *, name: str = "almanac", namespace: str = "forecast") -> str:
    """Render the manifests of a release, in the order of the template names."""
    with helm_python.Chart.load(HERE / "chart") as chart:
        rendered = chart.render(values, name=name, namespace=namespace)
    manifests = [
        f"---\n{text.strip()}\n"
        for path, text in sorted(rendered.items())
        if path.endswith(".yaml") and text.strip()
    ]
    return "".join(manifests)


def renderings() -> dict[Path, str]:
    """Return the expected content of each file in rendered/."""
    return {
        HERE / "rendered" / path.name: HEAD.format(values=f"values/{path.name}")
        + documents(yaml.safe_load(path.read_text()))
        for path in sorted((HERE / "values").glob("*.yaml"))
    }


def main(arguments: list[str]) -> int:
    outdated = 0
    for path, text in renderings().items():
        if "--check" not in arguments:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            print(f"{path.name} is outdated; run render.py")
            outdated += 1
    return min(outdated, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
