"""Readers of the files in deploy/, and of the documents that they must agree with."""

import re
import tomllib
from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).resolve().parent.parent
ROOT = DEPLOY.parent
KUBERNETES = DEPLOY / "kubernetes"


def toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text())


def timeouts() -> dict[str, Any]:
    """Return the table of timeouts, in seconds, by section and key."""
    return toml(DEPLOY / "timeouts.toml")


def manifests(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a YAML file."""
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def custom_manifests() -> list[Path]:
    """Return the files of KServe and SageMaker, which the chart does not render."""
    return sorted([*(DEPLOY / "kserve").glob("*.yaml"), *(DEPLOY / "sagemaker").rglob("*.yaml")])


def rendered_manifests() -> list[Path]:
    """Return the manifests rendered from the chart."""
    return sorted((KUBERNETES / "rendered").glob("*.yaml"))


def seconds(text: str) -> int:
    """Parse a duration in whole seconds, such as 75s."""
    match = re.fullmatch(r"(\d+)s", text)
    assert match, f"{text} is not in whole seconds"
    return int(match[1])


def terraform_timeouts() -> dict[str, int]:
    """Return the defaults of the Terraform variable timeouts."""
    text = (DEPLOY / "aws" / "timeouts.tf").read_text()
    found = re.findall(r"^ +(\w+) += optional\(number, (\d+)\)$", text, re.MULTILINE)
    return {name: int(value) for name, value in found}


def documented_settings() -> dict[str, str]:
    """Return the ALMANAC_ variables of docs/configuration.md with their key in the file, if any."""
    text = (ROOT / "docs" / "configuration.md").read_text()
    rows = re.findall(r"^\| `--[^|]+\| `(ALMANAC_\w+)` \| `?([\w.]*)`? *\|", text, re.MULTILINE)
    return dict(rows)


def deployed_files() -> list[Path]:
    """Return the text files of deploy/, except for its tests."""
    hidden = {"tests", ".terraform"}
    names = [name for name in DEPLOY.rglob("*") if name.is_file()]
    return sorted(
        path
        for path in names
        if not hidden & set(path.relative_to(DEPLOY).parts) and path.suffix != ".tgz"
    )
