"""A Kafka that asks who comes: with the right settings everything works, with a wrong one the start says which it is."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from millrace_eventlog.settings import LogSettings
from tests.support import plain
from tests.support.analytics import post, view
from tests.support.commands import millrace
from tests.support.kafka import ids, opened_kafka, routed
from tests.support.kafka_broker import KafkaBroker, new_broker
from tests.support.kafka_security import PASSWORD, Security, allow, forbid, set_password
from tests.support.server import Server

pytestmark = pytest.mark.brokers


@dataclass
class Guarded:
    """A broker with its listeners."""

    broker: KafkaBroker
    security: Security

    def environment(self, listener: str, topic: str, **given: str) -> dict[str, str]:
        """The settings of a process that speaks to a listener; a value that is empty leaves the setting out."""
        address = self.broker.address if listener == "PLAINTEXT" else self.security.address(listener)
        found = {
            "LOG_URL": f"kafka://{address}/{topic}",
            "KAFKA_SECURITY": listener,
            "KAFKA_CA_FILE": str(self.security.ca_file),
            "KAFKA_USERNAME": "alice",
            "KAFKA_PASSWORD": PASSWORD,
            **given,
        }
        return {f"MILLRACE_{name}": value for name, value in found.items() if value}

    def settings(self, listener: str, topic: str, **given: str) -> LogSettings:
        """Likewise, for a log that is opened here."""
        environment = self.environment(listener, topic, **given)
        return LogSettings.model_validate({name.removeprefix("MILLRACE_").lower(): each for name, each in environment.items()})

    def allow_everything(self, topic: str) -> None:
        """What a process with every service in it needs."""
        for name in (topic, f"{topic}.dlq"):
            allow(self.broker.address, "alice", "topic", name, "create", "read", "write")
        allow(self.broker.address, "alice", "group", "millrace", "read")


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guarded")
    security = Security(folder / "security")
    running = new_broker(folder / "broker", security)
    yield Guarded(running, security)
    running.stop()


@pytest.mark.parametrize(
    ("listener", "given"),
    [
        ("SSL", {}),
        ("MUTUAL", {"KAFKA_SECURITY": "SSL"}),
        ("SASL_PLAINTEXT", {"KAFKA_SASL_MECHANISM": "SCRAM-SHA-512"}),
        ("SASL_SSL", {"KAFKA_SASL_MECHANISM": "PLAIN"}),
        ("SASL_SSL", {"KAFKA_SASL_MECHANISM": "SCRAM-SHA-256"}),
        ("SASL_SSL", {"KAFKA_SASL_MECHANISM": "SCRAM-SHA-512"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value.values()),
)
async def test_events_pass_a_guarded_kafka(kafka: Guarded, listener: str, given: Mapping[str, str]) -> None:
    topic = f"passes-{listener}-{'-'.join(given.values())}".lower()
    more = {
        **given,
        "KAFKA_PARTITIONS": "2",
        **({"KAFKA_CERT_FILE": str(kafka.security.client_file)} if listener == "MUTUAL" else {}),
    }
    kafka.allow_everything(topic)
    migrated = millrace("migrate", seconds=120, **kafka.environment(listener, topic, **more))
    assert (migrated.code, migrated.out) == (0, f"made the topic {topic}\nmade the topic {topic}.dlq\n"), migrated.err

    sent = routed(40)
    async with opened_kafka(kafka.settings(listener, topic, KAFKA_GROUP="millrace", **more)) as log:
        seen: list[str] = []
        position = await log.ports.tail.end()
        await log.ports.writer.append(sent)
        async for item in log.ports.tail.follow(position):
            seen += [record.event_id for record in getattr(item, "records", ())]
            if len(seen) == len(sent):
                break
        await log.until_granted(2)
        read = await log.records()
        assert await log.ports.dead_letters.count() == 0
        for partition in range(2):
            await log.ports.reader.commit(partition, len(read[partition]))
    assert sorted(seen) == sorted(ids(sent))
    assert sorted(name for each in read.values() for name in ids(each)) == sorted(ids(sent))


_REFUSED = {
    "another authority": ("SASL_SSL", {"CA_FILE": "other-ca.pem"}, "KAFKA_CA_FILE={folder}/other-ca.pem: the certificate of"),
    "no authority": ("SSL", {"CA_FILE": ""}, "KAFKA_CA_FILE: the certificate of"),
    "a file that is none": ("SSL", {"CA_FILE": "none.pem"}, "KAFKA_CA_FILE={folder}/none.pem cannot be used: No such file"),
    "another name": ("SSL", {"LOG_URL": "kafka://localhost:{SSL}/refused"}, "LOG_URL: the certificate of Kafka at localhost:"),
    "no certificate": ("MUTUAL", {"SECURITY": "SSL"}, "KAFKA_CERT_FILE: Kafka at {address} ends the connection"),
    "plain text to TLS": (
        "SSL",
        {"SECURITY": "PLAINTEXT"},
        "KAFKA_SECURITY=PLAINTEXT: Kafka at {address} speaks TLS on this port: set SSL",
    ),
    "plain text to TLS with users": (
        "SASL_SSL",
        {"SECURITY": "SASL_PLAINTEXT"},
        "KAFKA_SECURITY=SASL_PLAINTEXT: Kafka at {address} speaks TLS on this port: set SASL_SSL",
    ),
    "TLS to plain text": (
        "SASL_PLAINTEXT",
        {"SECURITY": "SASL_SSL"},
        "KAFKA_SECURITY=SASL_SSL: Kafka at {address} does not speak TLS on this port: set SASL_PLAINTEXT",
    ),
    "nobody where users are asked for": (
        "SASL_PLAINTEXT",
        {"SECURITY": "PLAINTEXT"},
        "KAFKA_SECURITY=PLAINTEXT: Kafka at {address} asks who comes: set SASL_PLAINTEXT",
    ),
    "a user where nobody is asked": (
        "PLAINTEXT",
        {"SECURITY": "SASL_PLAINTEXT"},
        "KAFKA_SECURITY=SASL_PLAINTEXT: Kafka at {address} asks nobody who they are on this port: set PLAINTEXT",
    ),
    "a mechanism that is not allowed": (
        "SCRAM_ONLY",
        {"SECURITY": "SASL_PLAINTEXT", "SASL_MECHANISM": "PLAIN"},
        "KAFKA_SASL_MECHANISM=PLAIN: Kafka at {address} allows SCRAM-SHA-256, SCRAM-SHA-512",
    ),
    "a wrong password": (
        "SASL_SSL",
        {"PASSWORD": "wrong-secret"},
        "KAFKA_USERNAME=alice: Kafka at {address} does not accept this user with MILLRACE_KAFKA_PASSWORD (SCRAM-SHA-512)",
    ),
    "a wrong password of PLAIN": (
        "SASL_SSL",
        {"PASSWORD": "wrong-secret", "SASL_MECHANISM": "PLAIN"},
        "KAFKA_USERNAME=alice: Kafka at {address} does not accept this user with MILLRACE_KAFKA_PASSWORD (PLAIN)",
    ),
    "no password": (
        "SASL_SSL",
        {"PASSWORD": ""},
        "KAFKA_SECURITY=SASL_SSL: MILLRACE_KAFKA_USERNAME and MILLRACE_KAFKA_PASSWORD are needed",
    ),
}
"""The listener, what is set otherwise than it should be, and what the one line begins with."""


@pytest.mark.parametrize("case", _REFUSED)
def test_a_wrong_setting_is_one_line_that_names_it(kafka: Guarded, case: str) -> None:
    listener, wrong, told = _REFUSED[case]
    folder = kafka.security.folder
    given = {}
    for name, value in wrong.items():
        setting = name if name == "LOG_URL" else f"KAFKA_{name}"
        given[setting] = str(folder / value) if value.endswith(".pem") else value.format(**kafka.security.ports)
    environment = kafka.environment(listener, "refused", **given)
    address = environment["MILLRACE_LOG_URL"].removeprefix("kafka://").partition("/")[0]
    done = millrace("migrate", seconds=120, **environment)
    assert done.code == 2
    assert len(done.err.strip().splitlines()) == 1, done.err
    assert done.err.startswith(f"millrace: MILLRACE_{told.format(folder=folder, address=address)}")
    assert "secret" not in done.err


def test_each_right_that_is_missing_stops_the_start(kafka: Guarded, tmp_path: Path) -> None:
    def refused(command: str) -> str:
        done = millrace(
            command, "--port", "0", "--data-dir", tmp_path / "data", seconds=120, **kafka.environment("SASL_SSL", "rights")
        )
        assert done.code == 2
        assert len(done.err.strip().splitlines()) == 1, done.err
        return done.err

    may_not, cure = "MILLRACE_KAFKA_USERNAME=alice: Kafka does not allow this user to", "give it an ACL that does"
    nothing = millrace("migrate", seconds=120, **kafka.environment("SASL_SSL", "rights"))
    assert nothing.err == f"millrace: {may_not} CREATE the topic rights: {cure}\n"
    kafka.allow_everything("rights")
    assert millrace("migrate", seconds=120, **kafka.environment("SASL_SSL", "rights")).code == 0
    for kind, name, operation, what in (
        ("topic", "rights", "write", "WRITE the topic rights"),
        ("topic", "rights", "read", "READ the topic rights"),
        ("topic", "rights.dlq", "write", "WRITE the topic rights.dlq"),
        ("group", "millrace", "read", "READ the group millrace (MILLRACE_KAFKA_GROUP)"),
    ):
        forbid(kafka.broker.address, "alice", kind, name, operation)
        assert f"{may_not} {what}: {cure}" in refused("up")
        allow(kafka.broker.address, "alice", kind, name, operation)


def _until(server: Server, status: int, reason: str = "") -> None:
    """Wait until ``/ready`` answers so."""
    deadline, answer = time.monotonic() + 60, None
    while time.monotonic() < deadline:
        answer = plain.get(f"{server.url}/ready", timeout=10)
        if answer.status_code == status and reason in answer.json()["reasons"].get("ingestion", ""):
            return
        time.sleep(0.1)
    raise AssertionError(f"{answer.text if answer is not None else ''}\n{server.tail()}")


def test_ingestion_that_loses_a_right_or_its_password_says_why_and_recovers(kafka: Guarded, tmp_path: Path) -> None:
    topic = "loses"
    for operation in ("create", "write"):  # ingestion alone needs no more
        allow(kafka.broker.address, "alice", "topic", topic, operation)
    allow(kafka.broker.address, "alice", "topic", f"{topic}.dlq", "create")
    environment = kafka.environment("SASL_SSL", topic, KAFKA_STALLED_SECONDS="2")
    assert millrace("migrate", seconds=120, **environment).code == 0
    ingestion = Server(tmp_path / "ingestion", environment, ("millrace_standalone", "ingestion"))
    ingestion.start()
    try:
        post(ingestion, view("shop"))
        losses: list[tuple[Callable[[], None], Callable[[], None], str]] = [
            (
                lambda: forbid(kafka.broker.address, "alice", "topic", topic, "write"),
                lambda: allow(kafka.broker.address, "alice", "topic", topic, "write"),
                "Kafka does not allow what we need",
            ),
            (
                lambda: set_password(kafka.broker.address, "alice", "another-secret"),
                lambda: set_password(kafka.broker.address, "alice", PASSWORD),
                "Kafka does not let us in",
            ),
        ]
        for lose, regain, reason in losses:
            lose()
            _until(ingestion, 503, reason)
            if "allow" in reason:
                assert plain.post(f"{ingestion.url}/track", json=view("shop"), timeout=30).status_code == 503
            regain()
            _until(ingestion, 200)
            post(ingestion, view("shop"))
    finally:
        assert ingestion.stop() == 0
