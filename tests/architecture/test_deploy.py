"""What is deployed agrees with the code: settings, metrics, users of the warehouse, versions, locks."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import yaml

from millrace_core.metrics import CATALOGUE
from millrace_standalone.settings import StandaloneSettings
from millrace_warehouse.gate.tables import READABLE
from millrace_warehouse.server.engine import PROFILE, TENANT_SETTING

_ROOT = Path(__file__).parents[2]
_COMPOSE: dict[str, Any] = yaml.safe_load((_ROOT / "docker-compose.yml").read_text())
_SERVICES: dict[str, dict[str, Any]] = _COMPOSE["services"]
_DOCKERFILE = (_ROOT / "deploy/Dockerfile").read_text()
_OURS = {name: one for name, one in _SERVICES.items() if one["image"].startswith("millrace/")}
_VERSION = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]["version"]

_SUFFIX = re.compile(r"_(bucket|count|sum)$")
_METRIC = re.compile(r"\b(?:millrace|events|http|ingestion|analytics|ai|query|kafka)_[a-z0-9_]+\b")


def test_every_setting_that_compose_gives_is_one() -> None:
    known = {f"MILLRACE_{name.upper()}" for name in StandaloneSettings.model_fields}
    given = {name for one in _OURS.values() for name in one.get("environment", {})}
    assert {name for name in given if name.startswith("MILLRACE_")} <= known
    assert len(given) > 8


def test_what_compose_publishes_is_reached_from_this_machine_only() -> None:
    published = [port for one in _SERVICES.values() for port in one.get("ports", [])]
    assert len(published) >= 7
    assert [port for port in published if not port.startswith("127.0.0.1:")] == []


def test_what_compose_takes_from_the_environment_is_explained_with_its_default() -> None:
    taken = set(re.findall(r"\$\{(\w+):-([^}]*)\}", (_ROOT / "docker-compose.yml").read_text()))
    explained = set(re.findall(r"^(\w+)=(.*)$", (_ROOT / "deploy/.env.example").read_text(), re.MULTILINE))
    assert taken == explained
    assert len(taken) >= 11


def test_images_are_pinned_and_our_own_are_of_this_version() -> None:
    tags = {name: one["image"].rpartition(":")[2] for name, one in _SERVICES.items()}
    assert [name for name, tag in tags.items() if not re.match(r"v?\d", tag)] == []
    assert {tags[name] for name in _OURS} == {_VERSION}


def test_our_containers_have_a_target_bounded_memory_and_nothing_to_write_to_but_their_data() -> None:
    targets = set(re.findall(r"^FROM \S+ AS (\S+)$", _DOCKERFILE, re.MULTILINE))
    for name, one in _OURS.items():
        assert one["image"].split("/")[1].split(":")[0] in targets, name
        assert one["read_only"] is True, name
        assert one["cap_drop"] == ["ALL"], name
        if "build" in one:
            assert one["build"]["target"] == name
            assert (_ROOT / f"deploy/locks/{name}.lock").exists()
    assert [name for name, one in _SERVICES.items() if "mem_limit" not in one] == []
    volumes = {volume.split(":")[0] for one in _SERVICES.values() for volume in one.get("volumes", []) if volume[0] not in "./"}
    assert volumes == set(_COMPOSE["volumes"])
    mounted = {volume.split(":")[0] for one in _SERVICES.values() for volume in one.get("volumes", []) if volume[0] == "."}
    assert [path for path in mounted if not (_ROOT / path).exists()] == []


def test_the_locks_of_images_say_what_the_project_was_tested_with() -> None:
    def pinned(path: Path) -> set[str]:
        return set(re.findall(r"^([a-z0-9-]+==[^\s;]+)", path.read_text(), re.MULTILINE))

    tested = pinned(_ROOT / "requirements.lock")
    for lock in (_ROOT / "deploy/locks").glob("*.lock"):
        assert pinned(lock) <= tested, lock.name
        assert "index-url" not in lock.read_text()
    assert "chdb" not in "".join(
        (_ROOT / f"deploy/locks/{name}.lock").read_text() for name in ("ingestion", "consumer", "analytics")
    )


def _expressions() -> dict[str, list[str]]:
    """Every PromQL expression, by its file."""
    found: dict[str, list[str]] = {}
    for path in sorted((_ROOT / "prometheus/rules").glob("*.yml")):
        groups = yaml.safe_load(path.read_text())["groups"]
        found[path.name] = [rule["expr"] for group in groups for rule in group["rules"]]
    for path in sorted((_ROOT / "grafana/dashboards").glob("*.json")):
        panels = json.loads(path.read_text())["panels"]
        found[path.name] = [target["expr"] for panel in panels for target in panel["targets"]]
    return found


def test_dashboards_and_rules_ask_for_metrics_that_there_are() -> None:
    known = {metric.name for metric in CATALOGUE}
    recorded = {
        rule["record"]
        for group in yaml.safe_load((_ROOT / "prometheus/rules/recording.yml").read_text())["groups"]
        for rule in group["rules"]
    }
    expressions = _expressions()
    assert len(expressions) == 5
    for file, asked in expressions.items():
        for text in asked:
            used = set(re.findall(r"\b(?:job|slo):[a-z0-9_]+:[a-z0-9_]+\b", text))
            assert used <= recorded, file
            rest = re.sub(r"\b(?:job|slo):[a-z0-9_]+:[a-z0-9_]+\b|\{[^}]*\}|\bby \([^)]*\)|\bwithout \([^)]*\)", "", text)
            names = {_SUFFIX.sub("", name) if name not in known else name for name in _METRIC.findall(rest)}
            assert names <= known, (file, text)


def test_dashboards_ask_the_data_source_that_is_provisioned() -> None:
    sources = yaml.safe_load((_ROOT / "grafana/provisioning/datasources/prometheus.yml").read_text())["datasources"]
    for path in (_ROOT / "grafana/dashboards").glob("*.json"):
        board = json.loads(path.read_text())
        assert {panel["datasource"]["uid"] for panel in board["panels"]} == {one["uid"] for one in sources}
        assert board["uid"] == f"millrace-{path.stem}"


def _users() -> ET.Element:
    return ET.parse(_ROOT / "deploy/clickhouse/users.d/millrace.xml").getroot()


def test_the_reader_sees_its_tenants_rows_of_the_readable_tables_and_nothing_else() -> None:
    reader = _users().find("users/millrace_reader")
    assert reader is not None
    grants = [grant.text for grant in reader.findall("grants/query")]
    assert grants == [f"GRANT SELECT ON analytics.{table}" for table in READABLE]
    filters = {table.tag: table.findtext("filter") for table in reader.findall("databases/analytics/*")}
    assert filters == dict.fromkeys(READABLE, f"customer_id = getSetting('{TENANT_SETTING}')")
    assert _users().find("profiles/millrace_reader/readonly") is None  # each request sends its own
    config = ET.parse(_ROOT / "deploy/clickhouse/config.d/millrace.xml").getroot()
    assert TENANT_SETTING.startswith(config.findtext("custom_settings_prefixes") or "nothing")


def test_the_writer_sees_every_row_and_has_the_profile_that_the_start_asks_for() -> None:
    writer = _users().find("users/millrace_writer")
    assert writer is not None
    assert {table.tag for table in writer.findall("databases/analytics/*")} == set(READABLE)
    profile = _users().find(f"profiles/{writer.findtext('profile')}")
    assert profile is not None
    assert {setting.tag: setting.text for setting in profile} == PROFILE


def test_what_browsers_load_comes_from_ingestion() -> None:
    caddy = (_ROOT / "deploy/gateway/Caddyfile").read_text()
    assert "@pages path /*.js /*.mjs /demo /demo/*\n" in caddy
    ingress = (_ROOT / "deploy/helm/millrace/templates/ingress.yaml").read_text()
    assert 'list "/tracker.js" "/tracker.mjs" "/demo" }}' in ingress


def test_the_gateway_knows_the_three_services_where_they_listen() -> None:
    caddy = (_ROOT / "deploy/gateway/Caddyfile").read_text()
    assert set(re.findall(r"reverse_proxy (\S+)", caddy)) == {"ingestion:8000", "consumer:8002", "analytics:8001"}
