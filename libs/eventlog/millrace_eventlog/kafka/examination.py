"""Looks at Kafka before anything relies on it, step by step, so that a start that cannot succeed says which setting is wrong.

aiokafka says "unable to bootstrap" of all that may be wrong on the way to a broker, so the way is gone once by hand: the
address, TLS, the version, who we are, the topics, and what we may do with them.
"""

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaError, UnsupportedSaslMechanismError, for_code
from aiokafka.protocol.admin import SaslHandShakeRequest
from aiokafka.protocol.coordination import FindCoordinatorRequest
from aiokafka.protocol.metadata import MetadataRequest

from millrace_core.errors import StartRefused
from millrace_eventlog.kafka.authorized import OPERATIONS, AuthorizedMetadataRequest
from millrace_eventlog.kafka.needs import Need
from millrace_eventlog.kafka.options import KafkaOptions

_DEADLINE_SECONDS: Final = 5.0
_NEW_TOPIC_SECONDS: Final = 3.0
_AGAIN_SECONDS: Final = 0.2
_NOT_LET_IN: Final = "Kafka does not let us in"
_LATER: Final = 5  # error code: a leader is being elected
_UNKNOWN_TOPIC: Final = 3
_NOT_AUTHORIZED: Final = 29
_GROUP_NOT_AUTHORIZED: Final = 30
_NOT_TOLD: Final = -(2**31)

# Request, its API key, the version that delivery needs: what a broker before 2.1 lacks.
_NEEDED: Final = (("Produce", 0, 3), ("Fetch", 1, 4), ("OffsetCommit", 8, 2), ("InitProducerId", 22, 0), ("Metadata", 3, 5))
_OLDEST: Final = "2.1"


class KafkaRefuses(StartRefused):
    """A setting is wrong, or what it names is not as it has to be.

    Args:
        message: one line that names the setting and what to do.
        public: the same for whoever may ask whether this process is ready, without names.
    """

    def __init__(self, public: str, message: str) -> None:
        super().__init__(message)
        self.public = public


class NotAnswering(Exception):
    """No broker answers now, which may change by itself. The message is one line that names the setting."""


@dataclass(frozen=True, slots=True)
class _Broker:
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


async def examine(options: KafkaOptions, needs: Collection[Need]) -> None:
    """Return when a broker answers, knows who we are, and lets us do what we need.

    Raises:
        KafkaRefuses: a setting is wrong.
        NotAnswering: no broker answers.
    """
    silent: NotAnswering | None = None
    for address in options.brokers.split(","):
        host, _, port = address.rpartition(":")
        try:
            async with asyncio.timeout(4 * _DEADLINE_SECONDS), _connected(options, _Broker(host, int(port))) as connection:
                await _check_topics(options, connection, needs)
                return await _check_groups(options, connection, needs)
        except NotAnswering as error:
            silent = silent or error
        except (KafkaError, OSError, TimeoutError, EOFError, ValueError, NotImplementedError) as error:
            silent = silent or NotAnswering(f"MILLRACE_LOG_URL: Kafka at {address} does not answer ({type(error).__name__})")
    raise silent or NotAnswering("MILLRACE_LOG_URL names no broker")


@contextlib.asynccontextmanager
async def _connected(options: KafkaOptions, broker: _Broker) -> AsyncIterator[Any]:
    await _check_address(broker)
    if options.tls is not None:
        await _check_tls(options, broker)
    connection = await _greet(options, broker)
    try:
        yield connection
    finally:
        await connection.close()


async def _check_address(broker: _Broker) -> None:
    try:
        async with asyncio.timeout(_DEADLINE_SECONDS):
            _, writer = await asyncio.open_connection(broker.host, broker.port)
    except socket.gaierror as error:
        raise NotAnswering(f"MILLRACE_LOG_URL: there is no host {broker.host}") from error
    except (OSError, TimeoutError) as error:
        raise NotAnswering(f"MILLRACE_LOG_URL: Kafka at {broker} does not answer ({type(error).__name__})") from error
    writer.close()


async def _check_tls(options: KafkaOptions, broker: _Broker) -> None:
    try:
        await _handshake(options.tls, broker)
    except ssl.SSLCertVerificationError as error:
        if error.verify_code in (62, 64):  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
            raise KafkaRefuses(
                _NOT_LET_IN,
                f"MILLRACE_LOG_URL: the certificate of Kafka at {broker} is for another name "
                f"({error.verify_message.rstrip('.')}): name the host as the certificate does",
            ) from error
        raise KafkaRefuses(
            _NOT_LET_IN,
            f"MILLRACE_KAFKA_CA_FILE{options.ca_file}: the certificate of Kafka at {broker} is not accepted "
            f"({error.verify_message}): name the file with the authority that signed it",
        ) from error
    except (ssl.SSLError, ConnectionError, EOFError, TimeoutError) as error:
        raise KafkaRefuses(
            _NOT_LET_IN,
            f"MILLRACE_KAFKA_SECURITY={options.security}: Kafka at {broker} does not speak TLS on this port: set "
            f"{'SASL_PLAINTEXT' if options.sasl else 'PLAINTEXT'}, or name the port that does",
        ) from error


async def _handshake(context: ssl.SSLContext | None, broker: _Broker) -> None:
    async with asyncio.timeout(_DEADLINE_SECONDS):
        _, writer = await asyncio.open_connection(broker.host, broker.port, ssl=context)
    writer.transport.abort()


async def _greet(options: KafkaOptions, broker: _Broker) -> Any:
    """A connection on which the version and who we are have been agreed upon."""
    connection = _connection(options, broker, options.security.replace("SASL_", "").replace("SASL", "PLAINTEXT"))
    try:
        await connection.connect()
    except (KafkaError, TimeoutError) as error:
        raise await _why_no_greeting(options, broker) from error
    try:
        _check_version(connection._versions, broker)  # noqa: SLF001 (aiokafka tells them nowhere else)
        mechanisms = await _mechanisms(connection, options)
    finally:
        connection.close()
    if not options.sasl:
        if mechanisms:
            raise KafkaRefuses(
                _NOT_LET_IN,
                f"MILLRACE_KAFKA_SECURITY={options.security}: Kafka at {broker} asks who comes: set "
                f"{'SASL_SSL' if options.tls else 'SASL_PLAINTEXT'}, MILLRACE_KAFKA_USERNAME and MILLRACE_KAFKA_PASSWORD",
            )
    elif not mechanisms:
        raise KafkaRefuses(
            _NOT_LET_IN,
            f"MILLRACE_KAFKA_SECURITY={options.security}: Kafka at {broker} asks nobody who they are on this port: set "
            f"{'SSL' if options.tls else 'PLAINTEXT'}, or name the port that does",
        )
    elif options.mechanism not in mechanisms:
        raise KafkaRefuses(
            _NOT_LET_IN,
            f"MILLRACE_KAFKA_SASL_MECHANISM={options.mechanism}: Kafka at {broker} allows {', '.join(sorted(mechanisms))}",
        )
    return await _authenticated(options, broker)


async def _authenticated(options: KafkaOptions, broker: _Broker) -> Any:
    connection = _connection(options, broker, options.security)
    try:
        await connection.connect()
    except UnsupportedSaslMechanismError as error:
        raise KafkaRefuses(
            _NOT_LET_IN, f"MILLRACE_KAFKA_SASL_MECHANISM={options.mechanism}: Kafka at {broker} does not allow it"
        ) from error
    except KafkaError as error:
        if options.sasl and (type(error).__name__ == "SaslAuthenticationFailed" or getattr(error, "errno", 0) == 58):
            raise KafkaRefuses(
                _NOT_LET_IN,
                f"MILLRACE_KAFKA_USERNAME={options.username}: Kafka at {broker} does not accept this user with "
                f"MILLRACE_KAFKA_PASSWORD ({options.mechanism})",
            ) from error
        raise
    return connection


async def _why_no_greeting(options: KafkaOptions, broker: _Broker) -> Exception:
    """The port takes connections, and does not answer as a Kafka that is spoken to rightly."""
    if options.tls is not None:
        return KafkaRefuses(
            _NOT_LET_IN,
            f"MILLRACE_KAFKA_CERT_FILE: Kafka at {broker} ends the connection behind the handshake: it asks for a certificate "
            "of ours, or does not accept the one that this file has",
        )
    anything = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anything.check_hostname, anything.verify_mode = False, ssl.CERT_NONE
    try:
        await _handshake(anything, broker)
    except (OSError, EOFError, TimeoutError):
        return NotAnswering(f"MILLRACE_LOG_URL: what listens at {broker} does not answer as Kafka does")
    return KafkaRefuses(
        _NOT_LET_IN,
        f"MILLRACE_KAFKA_SECURITY={options.security}: Kafka at {broker} speaks TLS on this port: set "
        f"{'SASL_SSL' if options.sasl else 'SSL'}, or name the port that does not",
    )


def _check_version(versions: Mapping[int, tuple[int, int]], broker: _Broker) -> None:
    for name, key, version in _NEEDED:
        if versions.get(key, (0, -1))[1] < version:
            raise KafkaRefuses(
                "Kafka is too old",
                f"MILLRACE_LOG_URL: Kafka at {broker} is too old (it lacks {name} {version}): {_OLDEST} is the oldest that can "
                "be used",
            )


async def _mechanisms(connection: Any, options: KafkaOptions) -> Sequence[str]:
    """How somebody may say who they are here; none where nobody is asked."""
    if SaslHandShakeRequest.API_KEY not in connection._versions:  # noqa: SLF001
        return ()
    with contextlib.suppress(KafkaError, TimeoutError):
        answer = await connection.send(SaslHandShakeRequest(options.mechanism))
        return list(answer.enabled_mechanisms)
    return ()


async def _check_topics(options: KafkaOptions, connection: Any, needs: Collection[Need]) -> None:
    if not needs:
        return
    wanted = {need.topic: need.operations for need in needs}
    tells = connection._versions[MetadataRequest.API_KEY][1] >= AuthorizedMetadataRequest.VERSION  # noqa: SLF001
    asking = AuthorizedMetadataRequest(list(wanted)) if tells else MetadataRequest(list(wanted))
    for topic in await _topics(connection, asking):
        code, name = topic[0], topic[1]
        if code == _UNKNOWN_TOPIC:
            raise KafkaRefuses(
                "a topic is not there", f"MILLRACE_LOG_URL: the topic {name} is not there: run `millrace migrate` first"
            )
        if code == _NOT_AUTHORIZED:
            raise forbidden(options, wanted[name], f"the topic {name}")
        if code not in (0, _LATER):
            raise for_code(code)
        allowed = topic[-1] if tells and topic[-1] != _NOT_TOLD else -1
        lacking = [operation for operation in wanted[name] if not allowed & 1 << OPERATIONS[operation]]
        if lacking:
            raise forbidden(options, lacking, f"the topic {name}")


async def _topics(connection: Any, asking: Any) -> Sequence[Any]:
    """What the broker says of the topics; one that has just been made may be unknown to it for a moment."""
    until = time.monotonic() + _NEW_TOPIC_SECONDS
    while True:
        topics: Sequence[Any] = (await connection.send(asking)).topics
        if time.monotonic() > until or all(topic[0] != _UNKNOWN_TOPIC for topic in topics):
            return topics
        await asyncio.sleep(_AGAIN_SECONDS)


async def _check_groups(options: KafkaOptions, connection: Any, needs: Collection[Need]) -> None:
    for group in {need.group for need in needs if need.group}:
        answer = await connection.send(FindCoordinatorRequest(group, 0))
        if answer.error_code == _GROUP_NOT_AUTHORIZED:
            raise forbidden(options, ("read",), f"the group {group} (MILLRACE_KAFKA_GROUP)")


def forbidden(options: KafkaOptions, operations: Sequence[str], what: str) -> KafkaRefuses:
    """That an ACL is missing."""
    who = f"MILLRACE_KAFKA_USERNAME={options.username}" if options.sasl else "MILLRACE_KAFKA_SECURITY"
    rights = " and ".join(operation.upper() for operation in operations)
    return KafkaRefuses(
        "Kafka does not allow what we need",
        f"{who}: Kafka does not allow this user to {rights} {what}: give it an ACL that does",
    )


def _connection(options: KafkaOptions, broker: _Broker, protocol: str) -> Any:
    return AIOKafkaConnection(
        broker.host,
        broker.port,
        client_id="millrace-start",
        request_timeout_ms=round(_DEADLINE_SECONDS * 1000),
        ssl_context=options.tls,
        security_protocol=protocol,
        **{name: value for name, value in options.client.items() if name.startswith("sasl_")},
    )
