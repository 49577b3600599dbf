"""Settings as the environment has them: lists, addresses, and what is said of those that are wrong."""

import subprocess
import sys
from ipaddress import ip_network

import pytest

from millrace_core.errors import StartRefused
from millrace_standalone.settings import StandaloneSettings


@pytest.mark.parametrize(
    "written", ['["https://a.example", "http://localhost:3000"]', "https://a.example,http://localhost:3000 ,"]
)
def test_a_list_is_written_with_commas_or_as_json(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    monkeypatch.setenv("MILLRACE_CORS_ORIGINS", written)
    monkeypatch.setenv("MILLRACE_ALLOWED_HOSTS", "example.com, [fd00::1],*")
    monkeypatch.setenv("MILLRACE_TRUSTED_PROXIES", "10.0.0.0/8,fd00::/8")

    settings = StandaloneSettings.load()

    assert settings.cors_origins == ["https://a.example", "http://localhost:3000"]
    assert settings.allowed_hosts == ["example.com", "[fd00::1]", "*"]
    assert settings.trusted_proxies == [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


def test_an_empty_list_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for written in ("", "[]", " , "):
        monkeypatch.setenv("MILLRACE_ALLOWED_HOSTS", written)
        assert StandaloneSettings.load().allowed_hosts == []


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("CORS_ORIGINS", "notjson", "notjson: String should match"),
        ("CORS_ORIGINS", "https://a.example/path", "https://a.example/path: String should match"),
        ("CORS_ORIGINS", '["https://a.example"', '["https://a.example": allowed is a list with commas'),
        ("CORS_ORIGINS", "[" * 100_000, "allowed is a list with commas"),
        ("ALLOWED_HOSTS", "example.com:8080", "example.com:8080: String should match"),
        ("ALLOWED_HOSTS", "[1]", "1: Input should be a valid string"),
        ("TRUSTED_PROXIES", "10.0.0.0/33", "10.0.0.0/33: "),
        ("TRUSTED_PROXIES", "10.0.0.1/8", "10.0.0.1/8: "),
        ("WAREHOUSE_URL", "clickhouse://u:secret@h:99999/db", "clickhouse://h:99999/db: allowed is chdb:///"),
        ("WAREHOUSE_URL", "clickhouse://u:secret@h:port/db", "clickhouse://h:port/db: allowed is chdb:///"),
        ("WAREHOUSE_URL", "http://[x", "allowed is chdb:///"),
        ("RECORDS_URL", "postgresql://u:secret@h:0/db", "postgresql://h:0/db: allowed is sqlite:///"),
        ("RECORDS_URL", "//[", "allowed is sqlite:///"),
        ("CACHE_URL", "redis://u:secret@h:70000", "redis://h:70000: allowed is memory://"),
    ],
)
def test_a_wrong_setting_is_said_with_its_value_and_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(f"MILLRACE_{name}", value)

    with pytest.raises(StartRefused) as refused:
        StandaloneSettings.load()

    message = refused.value.message
    assert message.startswith(f"MILLRACE_{name}=")
    assert told in message
    assert "secret" not in message


@pytest.mark.parametrize("command", ["up.up", "services.ingestion"])
def test_a_servers_settings_are_checked_before_its_engines_are_imported(command: str) -> None:
    module, _, name = command.partition(".")
    code = f"""
import sys
from millrace_core.errors import StartRefused
from millrace_standalone.commands.{module} import {name} as command
try:
    command.main([], standalone_mode=False)
except StartRefused as refusal:
    print(refusal.message)
print(sorted(name for name in sys.modules if name in ("millrace_standalone.wiring", "fastapi", "chdb", "sqlalchemy")))
"""
    wrong = {"MILLRACE_RECORDS_URL": "mysql://h/x", "MILLRACE_PORT": "x", "PATH": ""}
    done = subprocess.run([sys.executable, "-c", code], env=wrong, capture_output=True, text=True, timeout=60, check=True)

    assert "MILLRACE_PORT=x: " in done.stdout
    assert done.stdout.endswith("\n[]\n")
