"""Alerts and the dashboard name what the services really tell Prometheus."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from pianola.records import open_records
from pianola.settings import ApiSettings, SamplerSettings
from pianola_api import app as api
from pianola_sampler import app as sampler

from .conftest import ROOT

FOLDER = ROOT / "deploy/observability"
TRIED = Path(__file__).parent / "alerts.test.yml"
NAME = re.compile(r"\b(?:pianola\w+|up)\b(?=[{\[)\s>=]|$)")


@pytest.fixture
def told(sqlite_url: str, tmp_path: Path) -> set[str]:
    """The names of everything in the /metrics of api and sampler, after a request to each."""
    where = {"database_url": sqlite_url, "broker_url": "redis://127.0.0.1:1/0", "objects_dir": tmp_path, "auth": "none"}
    names = {"up"}  # Prometheus's own
    for made in (api.create_app(ApiSettings(**where)), sampler.create_app(SamplerSettings(**where))):
        client = made.test_client()
        client.get("/livez")
        lines = client.get("/metrics").text.splitlines()
        names |= {re.split(r"[{ ]", line)[0] for line in lines if not line.startswith("#")}
    open_records(sqlite_url).dispose()
    return names


def expressions() -> dict[str, str]:
    rules = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"][0]["rules"]
    panels = json.loads((FOLDER / "grafana/dashboards/pianola.json").read_text())["panels"]
    return {rule["alert"]: rule["expr"] for rule in rules} | {
        panel["title"]: target["expr"] for panel in panels for target in panel["targets"]
    }


def test_what_they_name_is_told(told: set[str]) -> None:
    for title, expression in expressions().items():
        if pattern := re.search(r'__name__=~"([^"]+)"', expression):
            found = {name for name in told if re.fullmatch(pattern[1], name)}
            assert found == {"pianola_http_requests_total", "pianola_sampler_http_requests_total"}
            continue
        named = set(NAME.findall(expression))
        assert named, title
        assert named <= told, f"{title}: {named - told}"


def alerts() -> set[str]:
    return {rule["alert"] for rule in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"][0]["rules"]}


def test_every_alert_is_explained() -> None:
    text = (ROOT / "docs/operations.md").read_text()
    assert [alert for alert in alerts() if f"| `{alert}` |" not in text] == []


def test_every_alert_is_tried_with_all_well_and_with_all_wrong() -> None:
    well, wrong = yaml.safe_load(TRIED.read_text())["tests"]
    assert {each["alertname"] for each in well["alert_rule_test"] if not each["exp_alerts"]} == alerts()
    assert {each["alertname"] for each in wrong["alert_rule_test"] if each["exp_alerts"]} == alerts()


@pytest.mark.parametrize("asked", [("check", "config", FOLDER / "prometheus.yml"), ("test", "rules", TRIED)])
def test_prometheus_takes_the_files_and_fires_when_it_should(asked: tuple[str | Path, ...]) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("there is no promtool here (Debian's package prometheus has it); `make test-containers` asks one")
    done = subprocess.run([promtool, *asked], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
