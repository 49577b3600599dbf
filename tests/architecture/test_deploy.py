"""What is deployed agrees with the code: settings, metrics, users of the warehouse, versions, locks."""

import re
import tomllib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import yaml

from grafana.boards import clickhouse
from millrace_standalone.settings import StandaloneSettings
from millrace_warehouse.migrations.tables import TABLES
from millrace_warehouse.server.engine import PROFILE, TENANT_SETTING

_ROOT = Path(__file__).parents[2]
_COMPOSE: dict[str, Any] = yaml.safe_load((_ROOT / "docker-compose.yml").read_text())
_SERVICES: dict[str, dict[str, Any]] = _COMPOSE["services"]
_DOCKERFILE = (_ROOT / "deploy/Dockerfile").read_text()
_OURS = {name: one for name, one in _SERVICES.items() if one["image"].startswith("millrace/")}
_VERSION = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]["version"]


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


def _users(file: str = "millrace") -> ET.Element:
    return ET.parse(_ROOT / f"deploy/clickhouse/users.d/{file}.xml").getroot()


_OF_TENANTS = [table.name for table in TABLES if table.tenant_filter]


def test_the_reader_sees_its_tenants_rows_of_the_readable_tables_and_nothing_else() -> None:
    reader = _users().find("users/millrace_reader")
    assert reader is not None
    grants = [grant.text for grant in reader.findall("grants/query")]
    assert grants == [f"GRANT SELECT ON analytics.{table}" for table in _OF_TENANTS]
    filters = {table.tag: table.findtext("filter") for table in reader.findall("databases/analytics/*")}
    assert filters == dict.fromkeys(_OF_TENANTS, f"customer_id = getSetting('{TENANT_SETTING}')")
    assert _users().find("profiles/millrace_reader/readonly") is None  # each request sends its own
    config = ET.parse(_ROOT / "deploy/clickhouse/config.d/millrace.xml").getroot()
    assert TENANT_SETTING.startswith(config.findtext("custom_settings_prefixes") or "nothing")


def test_the_writer_sees_every_row_and_has_the_profile_that_the_start_asks_for() -> None:
    writer = _users().find("users/millrace_writer")
    assert writer is not None
    assert {table.tag for table in writer.findall("databases/analytics/*")} == set(_OF_TENANTS)
    profile = _users().find(f"profiles/{writer.findtext('profile')}")
    assert profile is not None
    assert {setting.tag: setting.text for setting in profile} == PROFILE


def test_dashboards_are_asked_for_by_a_user_that_reads_what_they_need_and_nothing_else() -> None:
    user = _users("grafana").find("users/millrace_grafana")
    assert user is not None
    asked = {text for panel in clickhouse.BOARD.panels for text in re.findall(r"FROM (\S+)", panel.queries[0].text)}
    ours = {f"analytics.{table}" for table in asked if "." not in table}
    grants = {grant.text or "" for grant in user.findall("grants/query")}
    assert grants == {f"GRANT SELECT ON {table}" for table in ours} | {"GRANT SELECT, SHOW ON system.*"}
    filters = {f"analytics.{table.tag}": table.findtext("filter") for table in user.findall("databases/analytics/*")}
    assert filters == dict.fromkeys(ours, "1")
    assert _users("grafana").findtext(f"profiles/{user.findtext('profile')}/readonly") == "1"


def test_what_browsers_load_comes_from_ingestion() -> None:
    caddy = (_ROOT / "deploy/gateway/Caddyfile").read_text()
    assert "@pages path /*.js /*.mjs /demo /demo/*\n" in caddy
    ingress = (_ROOT / "deploy/helm/millrace/templates/ingress.yaml").read_text()
    assert 'list "/tracker.js" "/tracker.mjs" "/demo" }}' in ingress


def test_the_gateway_knows_the_three_services_where_they_listen() -> None:
    caddy = (_ROOT / "deploy/gateway/Caddyfile").read_text()
    assert set(re.findall(r"reverse_proxy (\S+)", caddy)) == {"ingestion:8000", "consumer:8002", "analytics:8001"}
