"""Generates the manifests for kubernetes.sh: the chart's for an API server of 1.20, and CRDs.

Prints YAML, and each change to standard error. The chart requires 1.29 or later; apart from the listed
changes, 1.20 supports all of it.
"""

import argparse
import copy
import json
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "deploy" / "kubernetes"))
SCHEMAS = ROOT / "deploy" / "tests" / "schemas"

# API versions with an older name in 1.20. All fields that the chart writes in a HorizontalPodAutoscaler and
# a PodDisruptionBudget have the same meaning there, except for one.
OLDER = {"policy/v1": "policy/v1beta1", "autoscaling/v2": "autoscaling/v2beta2"}

# Two pods on one small node, with all features that need no cloud controller.
VALUES = {
    "resources": {
        "requests": {"cpu": "100m", "memory": "128Mi"},
        "limits": {"cpu": "250m", "memory": "512Mi"},
    },
    "autoscaling": {"enabled": True, "minReplicas": 2, "maxReplicas": 4},
    "service": {"type": "NodePort"},
}

Manifest = dict[str, Any]


def report_change(change: str, seen: set[str]) -> None:
    """Print a change once."""
    if change not in seen:
        print(f"not supported in 1.20: {change}", file=sys.stderr)
        seen.add(change)


def for_old_server(document: Manifest, seen: set[str]) -> Manifest:
    """Return the manifest with everything changed that 1.20 does not support."""
    document = copy.deepcopy(document)
    version = document["apiVersion"]
    if version in OLDER:
        report_change(f"{version} {document['kind']}, {OLDER[version]} is applied", seen)
        document["apiVersion"] = OLDER[version]
    spec = document.get("spec", {})
    if spec.pop("unhealthyPodEvictionPolicy", None):
        report_change("unhealthyPodEvictionPolicy of a PodDisruptionBudget, omitted", seen)
    template = spec.get("template", {}).get("spec", {})
    for constraint in template.get("topologySpreadConstraints", []):
        if constraint.pop("matchLabelKeys", None):
            report_change("matchLabelKeys of topologySpreadConstraints, omitted", seen)
    return document


def rendered(values: dict[str, Any], namespace: str) -> list[Manifest]:
    """Render the chart."""
    import render  # Requires Helm, unlike the rest of this file.

    text = render.documents(values, namespace=namespace)
    return [document for document in yaml.safe_load_all(text) if document]


def chart(arguments: argparse.Namespace) -> list[Manifest]:
    """Return the manifests of the chart for a local cluster."""
    repository, _, tag = arguments.image.rpartition(":")
    values = {**VALUES, "image": {"repository": repository, "tag": tag}}
    seen: set[str] = set()
    return [for_old_server(document, seen) for document in rendered(values, arguments.namespace)]


def cloud(arguments: argparse.Namespace) -> list[Manifest]:
    """Return the manifests with the values of EKS, including Ingress and ServiceMonitor."""
    values = yaml.safe_load((ROOT / "deploy/kubernetes/values/eks.yaml").read_text())
    seen: set[str] = set()
    return [for_old_server(document, seen) for document in rendered(values, arguments.namespace)]


def structural(schema: dict[str, Any]) -> dict[str, Any]:
    """Convert a JSON schema to the subset that a CustomResourceDefinition allows."""
    kept = {key: value for key, value in schema.items() if key not in {"$comment", "const"}}
    if "const" in schema:
        kept |= {"type": "string", "enum": [schema["const"]]}
    if "properties" in kept:
        kept.pop("additionalProperties", None)
        kept["properties"] = {
            name: structural(property) for name, property in kept["properties"].items()
        }
    elif kept.get("type") == "object":
        values = kept.pop("additionalProperties", None)
        if isinstance(values, dict):
            kept["additionalProperties"] = structural(values)
        else:
            kept["x-kubernetes-preserve-unknown-fields"] = True
    if "items" in kept:
        kept["items"] = structural(kept["items"])
    elif kept.get("type") == "array":
        kept["items"] = {"x-kubernetes-preserve-unknown-fields": True}
    if "anyOf" in kept:
        kept["x-kubernetes-int-or-string"] = True
    elif "type" not in kept:
        kept["x-kubernetes-preserve-unknown-fields"] = True
    return kept


def definition(schema: dict[str, Any]) -> Manifest:
    """Return a CustomResourceDefinition with the given schema."""
    fields = schema["properties"]
    group, _, version = fields["apiVersion"]["const"].partition("/")
    kind = fields["kind"]["const"]
    names = {"kind": kind, "plural": f"{kind.lower()}s", "singular": kind.lower()}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{names['plural']}.{group}"},
        "spec": {
            "group": group,
            "names": names,
            "scope": "Cluster" if kind.startswith("Cluster") else "Namespaced",
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": True,
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "required": ["spec"],
                            "properties": {"spec": structural(fields["spec"])},
                        }
                    },
                }
            ],
        },
    }


def definitions(_arguments: argparse.Namespace) -> list[Manifest]:
    """Return the custom resources of KServe, SageMaker and Prometheus, from deploy/tests."""
    return [definition(json.loads(path.read_text())) for path in sorted(SCHEMAS.glob("*.json"))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "what", choices=["chart", "cloud", "definitions"], help="manifests to print"
    )
    parser.add_argument("--image", default="almanac:latest", help="image of the server")
    parser.add_argument("--namespace", default="forecast", help="namespace of the release")
    arguments = parser.parse_args()
    made = {"chart": chart, "cloud": cloud, "definitions": definitions}[arguments.what]
    print(yaml.safe_dump_all(made(arguments), sort_keys=False))


if __name__ == "__main__":
    main()
