"""timeouts.toml: its rules hold, and every file that repeats a value agrees with it."""

import re
from types import SimpleNamespace

import pytest
import stack
import yaml

TABLE = stack.timeouts()
RULES = TABLE["rule"]
SECTIONS = {name: values for name, values in TABLE.items() if name != "rule"}


def holds(rule: dict, sections: dict) -> bool:
    names = {name: SimpleNamespace(**values) for name, values in sections.items()}
    return eval(rule["holds"], {"__builtins__": {}}, names)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["holds"])
def test_the_rule_holds(rule):
    assert holds(rule, SECTIONS), rule["why"]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["holds"])
def test_each_value_in_a_rule_can_break_it(rule):
    for section, key in re.findall(r"([a-z]+(?:_[a-z]+)*)\.(\w+)", rule["holds"]):
        broken = [
            not holds(rule, {**SECTIONS, section: {**SECTIONS[section], key: value}})
            for value in (-100_000, 100_000)
        ]
        assert any(broken), f"{section}.{key}"


def test_the_defaults_of_the_program_agree():
    documented = stack.toml(stack.ROOT / "docs" / "almanac.toml")
    settings = {**documented["server"], **documented["shutdown"]}
    for name, value in SECTIONS["server"].items():
        assert stack.seconds(settings[name]) == value, name
    durations = {name for name in settings if name.endswith(("_timeout", "_delay", "_deadline"))}
    assert durations == set(SECTIONS["server"]), "every timeout of the program is in the table"


def test_terraform_agrees():
    server, container = SECTIONS["server"], SECTIONS["container"]
    balancer, ecs = SECTIONS["load_balancer"], SECTIONS["ecs"]
    assert stack.terraform_timeouts() == {
        "request_timeout": server["request_timeout"],
        "server_idle_timeout": server["idle_timeout"],
        "drain_delay": ecs["drain_delay"],
        "drain_deadline": ecs["drain_deadline"],
        "stop_timeout": ecs["stop_timeout"],
        "start_period": ecs["start_period"],
        "health_check_grace_period": ecs["health_check_grace_period"],
        "load_balancer_idle_timeout": balancer["idle_timeout"],
        "deregistration_delay": balancer["deregistration_delay"],
        "health_interval": balancer["health_interval"],
        "health_timeout": balancer["health_timeout"],
        "healthy_threshold": balancer["healthy_threshold"],
        "unhealthy_threshold": balancer["unhealthy_threshold"],
        "container_health_check_interval": container["health_interval"],
        "container_health_check_timeout": container["health_timeout"],
        "container_health_check_retries": container["health_retries"],
    }


def test_the_chart_agrees():
    values = yaml.safe_load((stack.KUBERNETES / "chart" / "values.yaml").read_text())
    kubernetes, balancer = SECTIONS["kubernetes"], SECTIONS["load_balancer"]
    assert values["timeouts"] == {
        "request": SECTIONS["server"]["request_timeout"],
        "idle": SECTIONS["server"]["idle_timeout"],
        "drainDelay": kubernetes["drain_delay"],
        "drainDeadline": kubernetes["drain_deadline"],
        "terminationGracePeriod": kubernetes["termination_grace_period"],
        "loadBalancer": {
            "idle": balancer["idle_timeout"],
            "healthInterval": balancer["health_interval"],
            "healthTimeout": balancer["health_timeout"],
            "healthyThreshold": balancer["healthy_threshold"],
            "unhealthyThreshold": balancer["unhealthy_threshold"],
            "deregistrationDelay": balancer["deregistration_delay"],
        },
    }
    assert values["probes"] == {
        "timeout": kubernetes["probe_timeout"],
        "startup": {
            "period": kubernetes["startup_period"],
            "threshold": kubernetes["startup_threshold"],
        },
        "readiness": {
            "period": kubernetes["readiness_period"],
            "threshold": kubernetes["readiness_threshold"],
        },
        "liveness": {
            "period": kubernetes["liveness_period"],
            "threshold": kubernetes["liveness_threshold"],
        },
    }


def check_probes(container: dict, table: dict):
    for name in ("startup", "readiness", "liveness"):
        probe = container[f"{name}Probe"]
        assert probe["periodSeconds"] == table[f"{name}_period"], name
        assert probe["failureThreshold"] == table[f"{name}_threshold"], name
        assert probe["timeoutSeconds"] == table["probe_timeout"], name


@pytest.mark.parametrize("path", stack.rendered_manifests(), ids=lambda path: path.name)
def test_rendered_manifests_agree(path):
    table, balancer = SECTIONS["kubernetes"], SECTIONS["load_balancer"]
    objects = {document["kind"]: document for document in stack.manifests(path)}
    pod = objects["Deployment"]["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] == table["termination_grace_period"]
    check_probes(pod["containers"][0], table)
    config = objects["ConfigMap"]["data"]["almanac.toml"]
    assert f'drain_delay = "{table["drain_delay"]}s"' in config
    assert f'drain_deadline = "{table["drain_deadline"]}s"' in config
    if "Ingress" in objects:
        notes = objects["Ingress"]["metadata"]["annotations"]
        notes = {name.removeprefix("alb.ingress.kubernetes.io/"): notes[name] for name in notes}
        idle = f"idle_timeout.timeout_seconds={balancer['idle_timeout']}"
        delay = f"deregistration_delay.timeout_seconds={balancer['deregistration_delay']}"
        assert idle in notes["load-balancer-attributes"]
        assert delay in notes["target-group-attributes"]
        assert notes["healthcheck-interval-seconds"] == str(balancer["health_interval"])
        assert notes["healthcheck-timeout-seconds"] == str(balancer["health_timeout"])
        assert notes["healthy-threshold-count"] == str(balancer["healthy_threshold"])
        assert notes["unhealthy-threshold-count"] == str(balancer["unhealthy_threshold"])


def test_kserve_agrees():
    table, server = SECTIONS["kserve"], SECTIONS["server"]
    [runtime] = stack.manifests(stack.DEPLOY / "kserve" / "clusterservingruntime.yaml")
    [container] = runtime["spec"]["containers"]
    check_probes(container, table)
    variables = {variable["name"]: variable["value"] for variable in container["env"]}
    assert stack.seconds(variables["ALMANAC_DRAIN_DELAY"]) == table["drain_delay"]
    assert stack.seconds(variables["ALMANAC_DRAIN_DEADLINE"]) == table["drain_deadline"]
    assert stack.seconds(variables["ALMANAC_REQUEST_TIMEOUT"]) == server["request_timeout"]
    assert stack.seconds(variables["ALMANAC_IDLE_TIMEOUT"]) == server["idle_timeout"]
    [service] = stack.manifests(stack.DEPLOY / "kserve" / "inferenceservice.yaml")
    grace = service["spec"]["predictor"]["terminationGracePeriodSeconds"]
    assert grace == table["termination_grace_period"]


def test_sagemaker_agrees_and_keeps_the_default_drain():
    table = SECTIONS["sagemaker"]
    documents = [
        document
        for path in (stack.DEPLOY / "sagemaker").rglob("*.yaml")
        for document in stack.manifests(path)
    ]
    configs = [document for document in documents if document["kind"] == "EndpointConfig"]
    variants = [variant for config in configs for variant in config["spec"]["productionVariants"]]
    assert len(variants) >= 2
    for variant in variants:
        start = variant["containerStartupHealthCheckTimeoutInSeconds"]
        assert start == table["startup_health_check"]
        assert variant["modelDataDownloadTimeoutInSeconds"] == table["model_download"]
    [job] = [document for document in documents if document["kind"] == "TransformJob"]
    client = job["spec"]["modelClientConfig"]
    assert client["invocationsTimeoutInSeconds"] == table["invocation_timeout"]
    assert "ALMANAC_DRAIN" not in str(documents)


def test_the_health_check_of_the_image_agrees():
    dockerfile = stack.ROOT / "Dockerfile"
    if not dockerfile.exists():
        pytest.skip("there is no Dockerfile yet")
    table = SECTIONS["container"]
    check = re.search(r"^HEALTHCHECK ((?:--\S+ ?)+)", dockerfile.read_text(), re.MULTILINE)
    options = dict(option.split("=") for option in check[1].split())
    assert options == {
        "--interval": f"{table['health_interval']}s",
        "--timeout": f"{table['health_timeout']}s",
        "--retries": str(table["health_retries"]),
        "--start-period": f"{table['health_start_period']}s",
    }
