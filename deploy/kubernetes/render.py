"""Renders the chart with each file of values/ to plain manifests in rendered/.

    python deploy/kubernetes/render.py [--check]

With --check nothing is written, and a manifest that is not what the chart renders is named. Needs
helm-python-sdk, which carries Helm, and PyYAML.
"""

import sys
from pathlib import Path

import helm_python
import yaml

HERE = Path(__file__).resolve().parent
HEAD = "# Rendered from {values} by render.py; a test compares.\n"


def documents(values: dict, *, name: str = "almanac", namespace: str = "forecast") -> str:
    """The manifests of a release, in the order of the templates' names."""
    with helm_python.Chart.load(HERE / "chart") as chart:
        rendered = chart.render(values, name=name, namespace=namespace)
    manifests = [
        f"---\n{text.strip()}\n"
        for path, text in sorted(rendered.items())
        if path.endswith(".yaml") and text.strip()
    ]
    return "".join(manifests)


def renderings() -> dict[Path, str]:
    """What each file of rendered/ should be."""
    return {
        HERE / "rendered" / path.name: HEAD.format(values=f"values/{path.name}")
        + documents(yaml.safe_load(path.read_text()))
        for path in sorted((HERE / "values").glob("*.yaml"))
    }


def main(arguments: list[str]) -> int:
    wrong = 0
    for path, text in renderings().items():
        if "--check" not in arguments:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            print(f"{path.name} is not what the chart renders; run render.py")
            wrong += 1
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
