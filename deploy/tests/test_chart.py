"""The Helm chart: rendered objects, and values that it refuses."""

import json
import re
import tomllib

import helm_python
import pytest
import render
import stack
import yaml

CHART = stack.KUBERNETES / "chart"


def rendered(values: dict | None = None) -> dict[str, dict]:
    """Return the objects of a release named almanac, by kind."""
    documents = yaml.safe_load_all(render.documents(values or {}))
    return {document["kind"]: document for document in documents if document}


def container(values: dict | None = None) -> dict:
    return rendered(values)["Deployment"]["spec"]["template"]["spec"]["containers"][0]


def config(values: dict | None = None) -> dict:
    return tomllib.loads(rendered(values)["ConfigMap"]["data"]["almanac.toml"])


def test_it_is_linted():
    report = helm_python.lint(str(CHART), strict=True)
    problems = [message for message in report["messages"] if message["severity"] > 1]
    assert not problems and not report["errors"]


@pytest.mark.parametrize("path", render.renderings(), ids=lambda path: path.name)
def test_the_plain_manifests_are_what_it_renders(path):
    assert path.read_text() == render.renderings()[path], "run deploy/kubernetes/render.py"


def test_every_plain_manifest_has_its_values():
    assert set(stack.rendered_manifests()) == set(render.renderings())


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"replicas": 3}, "replicas"),
        ({"image": {"digest": "latest"}}, "digest"),
        ({"ingress": {"scheme": "public"}}, "scheme"),
        ({"timeouts": {"drainDelay": "15s"}}, "drainDelay"),
        ({"timeouts": {"loadBalancer": {"healthInterval": 1}}}, "healthInterval"),
        ({"config": {"models": {"sources": [], "default": "almanac"}}}, "sources"),
    ],
)
def test_the_schema_refuses(values, named):
    with pytest.raises(helm_python.HelmError, match=named):
        rendered(values)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"timeouts": {"idle": 60}}, "timeouts.idle is 60"),
        ({"timeouts": {"loadBalancer": {"idle": 30}}}, "clients see 504"),
        ({"timeouts": {"loadBalancer": {"healthTimeout": 5}}}, "under healthInterval"),
        ({"timeouts": {"drainDelay": 12}}, "timeouts.drainDelay is 12"),
        ({"probes": {"readiness": {"period": 20, "threshold": 2}}}, "probes.readiness"),
        ({"timeouts": {"drainDeadline": 44}}, "timeouts.drainDeadline is 44"),
        ({"timeouts": {"terminationGracePeriod": 30}}, "killed before it is done"),
        ({"timeouts": {"loadBalancer": {"deregistrationDelay": 34}}}, "deregistrationDelay is 34"),
        ({"config": {"server": {"idle_timeout": "20s"}}}, "config.server.idle_timeout"),
        ({"config": {"shutdown": {"drain_delay": "1s"}}}, "config.shutdown.drain_delay"),
    ],
)
def test_timeouts_that_lose_requests_are_refused(values, named):
    with pytest.raises(helm_python.HelmRenderError, match=named):
        rendered(values)


def test_timeouts_at_their_bounds_are_accepted():
    bounds = {"drainDelay": 13, "drainDeadline": 43, "terminationGracePeriod": 48}
    assert config({"timeouts": bounds})["shutdown"]["drain_delay"] == "13s"


def test_each_probe_has_its_own_endpoint_and_there_is_no_stop_hook():
    probed = container()
    paths = {name: probed[f"{name}Probe"]["httpGet"]["path"] for name in PROBES}
    assert paths == PROBES
    assert "lifecycle" not in probed


PROBES = {"startup": "/startupz", "readiness": "/readyz", "liveness": "/healthz"}


def test_the_pod_meets_the_restricted_standard():
    pod = rendered()["Deployment"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    [inner] = [inner["securityContext"] for inner in pod["containers"]]
    assert inner["allowPrivilegeEscalation"] is False
    assert inner["readOnlyRootFilesystem"] is True
    assert inner["capabilities"] == {"drop": ["ALL"]}
    assert pod["automountServiceAccountToken"] is False
    assert all("hostPath" not in volume for volume in pod["volumes"])


def test_every_setting_of_the_file_is_supported_by_the_program():
    known = set(stack.documented_settings().values())
    settings = config(yaml.safe_load((stack.KUBERNETES / "values" / "eks.yaml").read_text()))
    for section, keys in settings.items():
        assert {f"{section}.{key}" for key in keys} <= known


def test_settings_keep_their_type():
    values = {
        "limits": {"max_series": 4_000_000},
        "traces": {"sample_ratio": 0.25, "endpoint": "http://localhost:4318"},
        "server": {"max_body": "1MiB"},
        "models": {"sources": ["s3://bucket/prefix", "embedded:"], "default": 'na"me'},
        "routes": {"almanac": {"stable": "1", "canary": 0.1, "on": True}},
    }
    written = config({"config": values})
    assert written["limits"] == {"max_series": 4_000_000}
    assert written["traces"] == values["traces"]
    assert written["models"] == values["models"]
    assert written["routes"] == values["routes"]
    assert written["server"] == {
        "max_body": "1MiB",
        "idle_timeout": "75s",
        "request_timeout": "30s",
    }


@pytest.mark.parametrize(("cpu", "cores"), [("1500m", 1.5), ("250m", 0.25), ("2", 2), (3, 3)])
def test_without_a_cpu_limit_the_request_sets_the_cores(cpu, cores):
    resources = {"requests": {"cpu": cpu}, "limits": {"cpu": None}}
    assert config({"resources": resources})["engine"]["cores"] == cores


def test_with_a_cpu_limit_the_program_detects_it():
    assert "engine" not in config()


def test_a_change_of_settings_replaces_the_pods():
    def annotation(values):
        metadata = rendered(values)["Deployment"]["spec"]["template"]["metadata"]
        return metadata["annotations"]["checksum/config"]

    other = {"config": {"log": {"level": "debug"}}}
    assert annotation(other) != annotation({})
    assert annotation({"replicaCount": 3}) == annotation({})


def test_autoscaling_sets_the_number_of_pods():
    on, off = rendered(), rendered({"autoscaling": {"enabled": False}})
    assert "replicas" not in on["Deployment"]["spec"]
    assert on["HorizontalPodAutoscaler"]["apiVersion"] == "autoscaling/v2"
    assert off["Deployment"]["spec"]["replicas"] == 2
    assert "HorizontalPodAutoscaler" not in off


def test_a_rollout_never_reduces_the_number_of_pods():
    strategy = rendered()["Deployment"]["spec"]["strategy"]["rollingUpdate"]
    assert strategy["maxUnavailable"] == 0


def test_the_admin_listener_and_the_metrics_are_not_exposed():
    objects = rendered({"ingress": {"enabled": True}})
    [rule] = objects["NetworkPolicy"]["spec"]["ingress"]
    assert rule["ports"] == [{"port": "http"}]
    [host] = objects["Ingress"]["spec"]["rules"]
    paths = [path["path"] for path in host["http"]["paths"]]
    assert "/forecast" in paths
    assert not {"/", "/metrics", "/readyz", "/admin"} & set(paths)


@pytest.mark.parametrize(
    ("arn", "ports"),
    [("", '[{"HTTP": 80}]'), ("arn:aws:acm:eu:1:certificate/1", '[{"HTTPS": 443}]')],
)
def test_only_https_is_open_with_a_certificate(arn, ports):
    ingress = rendered({"ingress": {"enabled": True, "certificateArn": arn}})["Ingress"]
    notes = ingress["metadata"]["annotations"]
    assert notes["alb.ingress.kubernetes.io/listen-ports"] == ports


def test_a_role_is_an_annotation_of_the_service_account():
    arn = "arn:aws:iam::123456789012:role/reader"
    account = rendered({"serviceAccount": {"roleArn": arn}})["ServiceAccount"]
    assert account["metadata"]["annotations"] == {"eks.amazonaws.com/role-arn": arn}
    assert "annotations" not in rendered()["ServiceAccount"]["metadata"]


def test_a_digest_takes_precedence_over_a_tag():
    digest = "sha256:" + "0" * 64
    assert container({"image": {"digest": digest, "tag": "1"}})["image"] == f"almanac@{digest}"
    assert container({"image": {"tag": "1"}})["image"] == "almanac:1"


def test_a_service_monitor_selects_the_service():
    objects = rendered({"serviceMonitor": {"enabled": True}})
    selected = objects["ServiceMonitor"]["spec"]["selector"]["matchLabels"]
    assert selected.items() <= objects["Service"]["metadata"]["labels"].items()
    [endpoint] = objects["ServiceMonitor"]["spec"]["endpoints"]
    assert endpoint["port"] == objects["Service"]["spec"]["ports"][0]["name"]


def test_both_load_balancers_expose_the_same_paths():
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    variables = (stack.DEPLOY / "aws" / "variables.tf").read_text()
    [default] = re.findall(r"paths += optional\(list\(string\), (\[.*\])\)", variables)
    # A rule of the load balancer contains patterns, an Ingress contains prefixes.
    assert [path.rstrip("*") for path in json.loads(default)] == values["ingress"]["paths"]
