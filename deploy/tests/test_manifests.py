"""Manifests are accepted by the APIs of their platforms."""

import copy
import json
import os
import re
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import stack

SCHEMAS = stack.DEPLOY / "tests" / "schemas"
OLDEST = 29
NEWEST = int(kubernetes_validate.latest_version().split(".")[1])


def custom(document: dict) -> bool:
    return (SCHEMAS / f"{document['kind'].lower()}.json").exists()


def documents(paths) -> list:
    return [
        pytest.param(document, id=f"{path.name}-{document['kind']}-{document['metadata']['name']}")
        for path in paths
        for document in stack.manifests(path)
    ]


PLAIN = [item for item in documents(stack.rendered_manifests()) if not custom(item.values[0])]
CUSTOM = documents(stack.custom_manifests()) + [
    item for item in documents(stack.rendered_manifests()) if custom(item.values[0])
]


@pytest.mark.parametrize("document", PLAIN)
@pytest.mark.parametrize("minor", range(OLDEST, NEWEST + 1))
def test_kubernetes_accepts_it(document, minor):
    kubernetes_validate.validate(document, f"1.{minor}", strict=True)


def test_kubernetes_rejects_a_misspelt_field():
    document = copy.deepcopy(PLAIN[0].values[0])
    document["spce"] = document.pop("spec", {})
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(document, f"1.{NEWEST}", strict=True)


def validator(document: dict) -> jsonschema.Draft7Validator:
    schema = json.loads((SCHEMAS / f"{document['kind'].lower()}.json").read_text())
    return jsonschema.Draft7Validator(schema)


@pytest.mark.parametrize("document", CUSTOM)
def test_the_controller_accepts_it(document):
    validator(document).validate(document)


@pytest.mark.parametrize("document", CUSTOM)
def test_the_controller_rejects_a_misspelt_field(document):
    for name in document["spec"]:
        wrong = copy.deepcopy(document)
        wrong["spec"][f"{name}x"] = wrong["spec"].pop(name)
        assert not validator(wrong).is_valid(wrong), name


def whole_definition(document: dict) -> Path | None:
    """Return the file in the folder CRD_SCHEMAS with the complete schema of the kind, if any."""
    group, version = document["apiVersion"].split("/")
    folder = os.environ.get("CRD_SCHEMAS")
    path = folder and Path(folder) / group / f"{document['kind'].lower()}_{version}.json"
    return path if path and path.exists() else None


@pytest.mark.parametrize("document", [item for item in CUSTOM if whole_definition(item.values[0])])
def test_the_complete_schema_accepts_it(document):
    schema = json.loads(whole_definition(document).read_text())
    jsonschema.Draft7Validator(schema).validate(document)


def test_there_is_one_manifest_of_each_kind():
    kinds = {item.values[0]["kind"] for item in CUSTOM}
    assert kinds == {
        "ClusterServingRuntime",
        "Endpoint",
        "EndpointConfig",
        "HostingDeployment",
        "InferenceService",
        "Model",
        "ServiceMonitor",
        "TransformJob",
    }


def test_references_between_manifests_resolve():
    found = [item.values[0] for item in documents(stack.custom_manifests())]
    by_kind = {}
    for document in found:
        by_kind.setdefault(document["kind"], {})[document["metadata"]["name"]] = document["spec"]
    models = {model["modelName"] for model in by_kind["Model"].values()}
    configs = {config["endpointConfigName"] for config in by_kind["EndpointConfig"].values()}
    for config in by_kind["EndpointConfig"].values():
        assert {variant["modelName"] for variant in config["productionVariants"]} <= models
    for endpoint in by_kind["Endpoint"].values():
        assert endpoint["endpointConfigName"] in configs
    for job in by_kind["TransformJob"].values():
        assert job["modelName"] in models
    for hosting in by_kind["HostingDeployment"].values():
        variants = {variant["modelName"] for variant in hosting["productionVariants"]}
        assert variants == {model["name"] for model in hosting["models"]}
    for service in by_kind["InferenceService"].values():
        model = service["predictor"]["model"]
        runtime = by_kind["ClusterServingRuntime"][model["runtime"]]
        assert model["modelFormat"] in [
            {"name": known["name"], "version": known["version"]}
            for known in runtime["supportedModelFormats"]
        ]


@pytest.mark.parametrize("path", stack.deployed_files(), ids=lambda path: path.name)
def test_every_variable_is_a_setting(path):
    known = set(stack.documented_settings())
    assert "ALMANAC_MODELS" in known
    named = set(re.findall(r"\bALMANAC_[A-Z_]+[A-Z]\b", path.read_text()))
    assert named <= known, "the program does not start with an unknown variable"
