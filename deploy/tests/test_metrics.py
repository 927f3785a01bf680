"""The dashboard and the alerts use existing metrics, labels and codes."""

import itertools
import json
import re
import shutil
import subprocess

import pytest
import stack
import yaml

DASHBOARD = json.loads((stack.DEPLOY / "grafana" / "almanac.json").read_text())
RULES = yaml.safe_load((stack.DEPLOY / "prometheus" / "rules.yaml").read_text())
# Metrics of the process collector in the crate prometheus.
PROCESS = {
    "process_cpu_seconds_total",
    "process_max_fds",
    "process_open_fds",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "process_threads",
    "process_virtual_memory_bytes",
}
# Metrics that the dashboard omits on purpose, and the reason.
OMITTED = {
    "almanac_cpu_runtime_threads": "constant CPU plan, which is in the first line of the log",
    "almanac_cpu_session_threads": "constant CPU plan",
    "almanac_cpu_workers": "constant CPU plan; the dashboard only finds jobs by it",
}
# Labels that Prometheus adds, and the label of histogram buckets.
TARGET_LABELS = {"instance", "job", "le"}


def documented() -> dict[str, set[str]]:
    """Return the metrics of docs/api.md and their labels."""
    text = (stack.ROOT / "docs" / "api.md").read_text()
    rows = re.findall(r"^\| `(almanac_\w+)` \|([^|]*)\|", text, re.MULTILINE)
    return {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in rows}


def panels() -> list[dict]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def expressions() -> list[str]:
    shown = [target["expr"] for panel in panels() for target in panel["targets"]]
    alerts = [rule["expr"] for group in RULES["groups"] for rule in group["rules"]]
    variables = [
        variable["definition"]
        for variable in DASHBOARD["templating"]["list"]
        if "definition" in variable
    ]
    return shown + alerts + variables


def metric_of(name: str, known: set[str]) -> str:
    if name in known:
        return name
    return re.sub(r"_(bucket|sum|count)$", "", name)


def test_every_metric_is_shown_or_omitted_on_purpose():
    known = set(documented())
    shown = " ".join(target["expr"] for panel in panels() for target in panel["targets"])
    names = {metric_of(name, known) for name in re.findall(r"\balmanac_\w+", shown)}
    assert known - names == set(OMITTED)


def test_the_documents_list_metrics():
    assert len(documented()) > 15


@pytest.mark.parametrize("expression", expressions())
def test_every_metric_exists(expression):
    known = set(documented()) | PROCESS
    names = re.findall(r"\b(?:almanac|process)_\w+", expression)
    assert names
    for name in names:
        assert metric_of(name, known) in known, name


@pytest.mark.parametrize("expression", expressions())
def test_every_label_exists(expression):
    labels = documented()
    names = [metric_of(name, set(labels)) for name in re.findall(r"\balmanac_\w+", expression)]
    allowed = set().union(*(labels.get(name, set()) for name in names)) | TARGET_LABELS
    matched = re.findall(r"[{,]\s*(\w+)\s*(?:=~|!~|!=|=)", expression)
    grouped = [
        label.strip()
        for group in re.findall(r"\bby \(([^)]*)\)", expression)
        for label in group.split(",")
    ]
    assert set(matched) | set(grouped) <= allowed


def test_the_documented_metrics_are_those_of_the_program():
    folders = [stack.ROOT / "src", *(stack.ROOT / "crates").glob("*/src")]
    named = {
        name
        for folder in folders
        for path in folder.rglob("*.rs")
        for name in re.findall(r'"(almanac_[a-z_]+)"', path.read_text())
    }
    assert set(documented()) <= named


def test_the_code_that_an_alert_excludes_is_in_the_api():
    api = (stack.ROOT / "docs" / "api.md").read_text()
    codes = re.findall(r'\bcode!?="(\w+)"', str(RULES))
    assert codes
    for code in codes:
        assert f"| `{code}` |" in api


def test_every_alert_describes_an_action():
    for group in RULES["groups"]:
        for rule in group["rules"]:
            assert set(rule["annotations"]) == {"summary", "action"}, rule["alert"]
            assert rule["labels"]["severity"] in {"critical", "warning", "info"}


def test_panels_do_not_overlap():
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    for left, right in itertools.combinations(DASHBOARD["panels"], 2):
        a, b = left["gridPos"], right["gridPos"]
        apart = (
            a["x"] + a["w"] <= b["x"]
            or b["x"] + b["w"] <= a["x"]
            or a["y"] + a["h"] <= b["y"]
            or b["y"] + b["h"] <= a["y"]
        )
        assert apart, f"{left['title']} and {right['title']}"


def promtool(*arguments: str) -> subprocess.CompletedProcess:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed; Debian's package prometheus contains it")
    return subprocess.run([program, *arguments], check=False, capture_output=True, text=True)


def test_prometheus_parses_the_queries_of_the_dashboard(tmp_path):
    queries = [target["expr"] for panel in panels() for target in panel["targets"]]
    rules = [
        {"record": f"query:{index}", "expr": query.replace("$__rate_interval", "5m")}
        for index, query in enumerate(queries)
    ]
    path = tmp_path / "queries.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    checked = promtool("check", "rules", "--lint=none", str(path))
    assert checked.returncode == 0, checked.stderr


def test_prometheus_parses_the_alerts():
    checked = promtool("check", "rules", str(stack.DEPLOY / "prometheus" / "rules.yaml"))
    assert checked.returncode == 0, checked.stderr


def test_the_alerts_fire_as_expected():
    tested = promtool("test", "rules", str(stack.DEPLOY / "prometheus" / "rules_test.yaml"))
    assert tested.returncode == 0, tested.stdout + tested.stderr
