"""Keys and people where three processes share the records alone: what is given or taken away at one holds at all of them."""

import time
from collections.abc import Callable, Iterator

import pytest

from tests.support import plain
from tests.support.access import bearer
from tests.support.commands import millrace
from tests.support.distributed import Distributed
from tests.support.kafka_mock import mock_kafka
from tests.support.postgres import postgres

pytestmark = pytest.mark.brokers

_PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Distributed]:
    with mock_kafka() as kafka, postgres() as records:
        kafka.topic("guarded", 3)
        kafka.topic("guarded.dlq", 1)
        settings = {
            "MILLRACE_AUTH": "required",
            "MILLRACE_RECORDS_URL": records.url,
            "MILLRACE_PUBLIC_URL": "https://events.example.com",
        }
        running = Distributed(tmp_path_factory.mktemp("guarded"), f"kafka://{kafka.brokers}/guarded", settings)
        try:
            running.start()
            yield running
            assert list(running.stop()) == [0, 0, 0]
        finally:
            running.kill()


def _run(platform: Distributed, *arguments: str) -> str:
    done = millrace(*arguments, "--data-dir", platform.consumer.data_dir)
    assert done.code == 0, done.err
    return done.out.strip()


def _track(platform: Distributed, key: str) -> int:
    event = {"visitor_id": "v", "event_type": "click"}
    return plain.post(f"{platform.ingestion.url}/track", json=event, headers=bearer(key), timeout=30).status_code


def _ask(platform: Distributed, credential: str, tenant: str = "shop") -> int:
    asked = {"customer_id": tenant, "sql": f"SELECT count() AS n FROM events_raw WHERE customer_id = '{tenant}'"}
    return plain.post(f"{platform.analytics.url}/query", json=asked, headers=bearer(credential), timeout=30).status_code


def _until(answered: Callable[[], int], status: int) -> None:
    """Return when the answer is this status; prints after how long."""
    began = time.monotonic()
    while (found := answered()) != status:
        assert time.monotonic() - began < 60, found
        time.sleep(0.05)
    print(f"{status} after {time.monotonic() - began:.1f} s")  # noqa: T201


def test_no_service_answers_without_a_credential(platform: Distributed) -> None:
    asked = (
        plain.post(f"{platform.ingestion.url}/track", json={"customer_id": "shop", "visitor_id": "v", "event_type": "click"}),
        plain.post(f"{platform.analytics.url}/query", json={"customer_id": "shop", "sql": "SELECT 1 AS one"}),
        plain.get(f"{platform.analytics.url}/dashboard/realtime/shop"),
        plain.get(f"{platform.consumer.url}/admin/v1/status"),
    )
    assert [answer.status_code for answer in asked] == [401] * 4


def test_a_key_works_and_ends_at_every_service(platform: Distributed) -> None:
    write = _run(platform, "key", "create", "shop", "--name", "page")
    secret = _run(platform, "key", "create", "shop", "--secret", "--scope", "query", "--name", "reports")
    _until(lambda: _track(platform, write), 200)
    _until(lambda: _ask(platform, secret), 200)
    _until(lambda: _track(platform, secret), 403)
    _until(lambda: _ask(platform, write), 403)
    assert _ask(platform, secret, "other") == 403
    for line in _run(platform, "key", "list").splitlines():
        _run(platform, "key", "revoke", line.split()[0])
    _until(lambda: _track(platform, write), 401)
    _until(lambda: _ask(platform, secret), 401)


def test_a_person_logs_in_asks_and_is_gone_once_disabled(platform: Distributed) -> None:
    link = _run(platform, "user", "add", "bob@example.com", "shop", "--role", "analyst")
    assert link.startswith("https://events.example.com/setup?token=")
    fields = {"token": link.rpartition("=")[2], "password": _PASSWORD}
    analytics = platform.analytics.url
    assert plain.post(f"{analytics}/setup", data=fields, timeout=60).status_code == 200
    login = plain.post(f"{analytics}/auth/v1/login", json={"email": "bob@example.com", "password": _PASSWORD}, timeout=60)
    assert login.status_code == 200, login.text
    token = login.json()["access_token"]
    _until(lambda: _ask(platform, token), 200)
    assert _ask(platform, token, "other") == 403
    _run(platform, "user", "disable", "bob@example.com")
    _until(lambda: _ask(platform, token), 401)


def test_the_session_of_a_browser_at_analytics_administers_at_the_consumer(platform: Distributed) -> None:
    link = _run(platform, "user", "add", "ada@example.com", "shop", "--role", "owner")
    fields = {"token": link.rpartition("=")[2], "password": _PASSWORD}
    analytics, ours = platform.analytics.url, {"Sec-Fetch-Site": "same-origin"}
    assert plain.post(f"{analytics}/setup", data=fields, timeout=60).status_code == 200
    asked = {"email": "ada@example.com", "password": _PASSWORD}
    session = plain.post(f"{analytics}/auth/v1/session", json=asked, headers=ours, timeout=60)
    assert session.status_code == 200, session.text
    cookie = next(
        text.partition(";")[0] for text in session.headers.get_list("set-cookie") if text.startswith("millrace_access=")
    )

    def settle(**headers: str) -> int:
        body, there = {"time_zone": "Europe/Vienna"}, f"{platform.consumer.url}/admin/v1/tenants/shop"
        return plain.request("PATCH", there, json=body, headers={"Cookie": cookie, **headers}, timeout=30).status_code

    _until(lambda: settle(**ours), 200)
    assert settle(**{"Sec-Fetch-Site": "cross-site"}) == 403
    zone = plain.get(f"{analytics}/api/v1/tenants/shop", headers={"Cookie": cookie}, timeout=30).json()["time_zone"]
    assert zone == "Europe/Vienna"
