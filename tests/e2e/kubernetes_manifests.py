"""Makes what kubernetes.sh applies: the chart's manifests, for an API server of 1.20, and CRDs.

Prints YAML, and on standard error each thing that it had to change. The chart is for 1.29 and later;
nothing but the changes told here is missing in 1.20.
"""

import argparse
import copy
import json
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "deploy" / "kubernetes"))
SCHEMAS = ROOT / "deploy" / "tests" / "schemas"

# Versions that 1.20 has under an older name. Of a HorizontalPodAutoscaler and a PodDisruptionBudget every
# field that the chart writes means the same there, but for one.
OLDER = {"policy/v1": "policy/v1beta1", "autoscaling/v2": "autoscaling/v2beta2"}

# Two pods on one small node, with everything on that needs no controller of a cloud.
VALUES = {
    "resources": {
        "requests": {"cpu": "100m", "memory": "128Mi"},
        "limits": {"cpu": "250m", "memory": "512Mi"},
    },
    "autoscaling": {"enabled": True, "minReplicas": 2, "maxReplicas": 4},
    "service": {"type": "NodePort"},
}


def told(change: str, seen: set[str]) -> None:
    if change not in seen:
        print(f"1.20 lacks it: {change}", file=sys.stderr)
        seen.add(change)


def for_old_server(document: dict, seen: set[str]) -> dict:
    document = copy.deepcopy(document)
    version = document["apiVersion"]
    if version in OLDER:
        told(f"{version} {document['kind']}, so {OLDER[version]} is applied", seen)
        document["apiVersion"] = OLDER[version]
    spec = document.get("spec", {})
    if spec.pop("unhealthyPodEvictionPolicy", None):
        told("unhealthyPodEvictionPolicy of a PodDisruptionBudget, left out", seen)
    template = spec.get("template", {}).get("spec", {})
    for constraint in template.get("topologySpreadConstraints", []):
        if constraint.pop("matchLabelKeys", None):
            told("matchLabelKeys of topologySpreadConstraints, left out", seen)
    return document


def rendered(values: dict, namespace: str) -> list[dict]:
    import render  # needs Helm, which the rest here does not

    text = render.documents(values, namespace=namespace)
    return [document for document in yaml.safe_load_all(text) if document]


def chart(arguments: argparse.Namespace) -> list[dict]:
    repository, _, tag = arguments.image.rpartition(":")
    values = {**VALUES, "image": {"repository": repository, "tag": tag}}
    seen: set[str] = set()
    return [for_old_server(document, seen) for document in rendered(values, arguments.namespace)]


def cloud(arguments: argparse.Namespace) -> list[dict]:
    """The values of EKS: what the chart makes there, Ingress and ServiceMonitor included."""
    values = yaml.safe_load((ROOT / "deploy/kubernetes/values/eks.yaml").read_text())
    seen: set[str] = set()
    return [for_old_server(document, seen) for document in rendered(values, arguments.namespace)]


def structural(schema: dict) -> dict:
    """A JSON schema as a CustomResourceDefinition may have it."""
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


def definition(schema: dict) -> dict:
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


def definitions(_arguments: argparse.Namespace) -> list[dict]:
    """The custom resources of KServe, SageMaker and Prometheus, from the schemas of deploy/tests."""
    return [definition(json.loads(path.read_text())) for path in sorted(SCHEMAS.glob("*.json"))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["chart", "cloud", "definitions"])
    parser.add_argument("--image", default="almanac:latest")
    parser.add_argument("--namespace", default="forecast")
    arguments = parser.parse_args()
    made = {"chart": chart, "cloud": cloud, "definitions": definitions}[arguments.what]
    print(yaml.safe_dump_all(made(arguments), sort_keys=False))


if __name__ == "__main__":
    main()
