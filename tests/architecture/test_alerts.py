"""Alerts: each is tried with promtool, firing and not, and has a page that says what to do."""

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

_ROOT = Path(__file__).parents[2]
_FOLDER = _ROOT / "prometheus"
_RUNBOOKS = _ROOT / "docs/runbooks"
_PAGE = "https://github.com/millrace/millrace/blob/main/docs/runbooks/"
_SECTIONS = ["How to see it", "What to do", "When it ends"]


def _rules(file: str) -> list[dict[str, Any]]:
    groups = yaml.safe_load((_FOLDER / "rules" / file).read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


_ALERTS = {rule["alert"]: rule for rule in _rules("alerts.yml")}


def _promtool(*arguments: str, folder: Path = _FOLDER) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian: prometheus)")
    done = subprocess.run(["promtool", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["prometheus.yml", "standalone.yml"])
def test_prometheus_takes_the_configuration_and_the_rules(name: str, tmp_path: Path) -> None:
    config = tmp_path / name
    config.write_text(re.sub(r"(/etc/prometheus/)?rules/", f"{_FOLDER}/rules/", (_FOLDER / name).read_text()))
    _promtool("check", "config", str(config))


@pytest.mark.parametrize("name", sorted(path.name for path in (_FOLDER / "tests").glob("*.yml")))
def test_alerts_fire_when_they_should_and_only_then(name: str) -> None:
    _promtool("test", "rules", name, folder=_FOLDER / "tests")


def test_every_alert_is_tried_with_what_fires_it_and_with_what_does_not() -> None:
    tried: Counter[tuple[str, bool]] = Counter()
    for path in (_FOLDER / "tests").glob("*.yml"):
        for test in yaml.safe_load(path.read_text())["tests"]:
            tried.update((one["alertname"], bool(one["exp_alerts"])) for one in test.get("alert_rule_test", []))
    assert set(tried) == {(name, fires) for name in _ALERTS for fires in (True, False)}


def test_every_alert_has_a_page_that_says_what_to_do_and_every_page_an_alert() -> None:
    assert {path.stem for path in _RUNBOOKS.glob("*.md")} - {"README"} == set(_ALERTS)
    index = (_RUNBOOKS / "README.md").read_text()
    for name, rule in _ALERTS.items():
        assert rule["annotations"]["runbook_url"] == f"{_PAGE}{name}.md"
        page = (_RUNBOOKS / f"{name}.md").read_text()
        assert page.startswith(f"# {name}\n"), name
        assert re.findall(r"^## (.+)$", page, re.MULTILINE) == _SECTIONS, name
        assert f"| [{name}]({name}.md) | {rule['labels']['severity']} |" in index, name


def test_every_alert_says_how_bad_it_is_and_what_it_is() -> None:
    for name, rule in _ALERTS.items():
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}, name
        assert set(rule["annotations"]) == {"summary", "description", "runbook_url", "dashboard"}, name


def test_what_the_rules_record_is_named_by_its_level_its_metric_and_what_was_done_with_it() -> None:
    names = [rule["record"] for rule in _rules("recording.yml")]
    assert len(names) == len(set(names))
    for name in names:
        assert re.fullmatch(r"(job|slo):[a-z0-9_]+:[a-z0-9_]+", name), name


def test_every_alert_is_caused_by_a_test_or_by_a_procedure_that_is_written_down() -> None:
    caused = "".join(path.read_text() for path in (_ROOT / "tests/faults").glob("test_alerts_*.py"))
    left = {name for name in _ALERTS if f'"{name}"' not in caused}
    procedures = (_RUNBOOKS / "README.md").read_text().partition("## Seeing one fire")[2].partition("\n## ")[0]
    assert left == set(re.findall(r"^- (\w+): ", procedures, re.MULTILINE))
