"""How to reach Kafka: what the URL and the settings of TLS and SASL say."""

import ssl
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

from millrace_core.errors import StartRefused
from millrace_eventlog.settings import LogSettings

SCHEME = "kafka://"
_ALLOWED = "allowed is kafka://<host>:<port>[,<host>:<port>…]/<topic>"


@dataclass(frozen=True, slots=True)
class KafkaOptions:
    """Brokers, topic, and what every client of aiokafka is given."""

    brokers: str
    topic: str
    group: str
    client: dict[str, Any]
    security: str = "PLAINTEXT"
    ca_file: str = ""
    """With an equals sign in front, for messages; empty where the system's authorities are trusted."""

    @classmethod
    def of(cls, settings: LogSettings) -> Self:
        """What the settings say.

        Raises:
            StartRefused: the URL or a file that a setting names cannot be used.
        """
        url = settings.log_url or ""
        parts = urlsplit(url)
        brokers = parts.netloc.split(",")
        topic = parts.path.strip("/")
        if not url.startswith(SCHEME) or not topic or not all(_is_address(broker) for broker in brokers):
            raise StartRefused(f"MILLRACE_LOG_URL={url}: {_ALLOWED}")
        if not topic.replace(".", "").replace("_", "").replace("-", "").isalnum() or len(topic) > 200:
            raise StartRefused(f"MILLRACE_LOG_URL={url}: a topic's name is 1 to 200 letters, digits, '.', '_' and '-'")
        client = {"bootstrap_servers": brokers, **_security(settings)}
        ca_file = "" if settings.kafka_ca_file is None else f"={settings.kafka_ca_file}"
        return cls(parts.netloc, topic, settings.kafka_group, client, settings.kafka_security, ca_file)

    @property
    def tls(self) -> ssl.SSLContext | None:
        """How TLS is spoken, None where it is not."""
        context: ssl.SSLContext | None = self.client.get("ssl_context")
        return context

    @property
    def sasl(self) -> bool:
        """Whether we say who we are."""
        return self.security.startswith("SASL")

    @property
    def mechanism(self) -> str:
        """How."""
        return str(self.client.get("sasl_mechanism", "PLAIN"))

    @property
    def username(self) -> str:
        """Who we say that we are."""
        return str(self.client.get("sasl_plain_username", ""))

    @property
    def dead_letters(self) -> str:
        """The topic of what the warehouse will never take."""
        return f"{self.topic}.dlq"


def _is_address(broker: str) -> bool:
    host, _, port = broker.rpartition(":")
    is_port = port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65_536
    return bool(host) and is_port and "@" not in host


def _security(settings: LogSettings) -> dict[str, Any]:
    protocol = settings.kafka_security
    options: dict[str, Any] = {"security_protocol": protocol}
    if protocol.endswith("SSL"):
        options["ssl_context"] = _ssl_context(settings)
    if protocol.startswith("SASL"):
        if not settings.kafka_username or settings.kafka_password is None:
            raise StartRefused(
                f"MILLRACE_KAFKA_SECURITY={protocol}: MILLRACE_KAFKA_USERNAME and MILLRACE_KAFKA_PASSWORD are needed"
            )
        options |= {
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_username,
            "sasl_plain_password": settings.kafka_password.get_secret_value(),
        }
    return options


def _ssl_context(settings: LogSettings) -> ssl.SSLContext:
    setting = f"MILLRACE_KAFKA_CA_FILE={settings.kafka_ca_file}"
    try:
        context = ssl.create_default_context(cafile=settings.kafka_ca_file)
        setting = f"MILLRACE_KAFKA_CERT_FILE={settings.kafka_cert_file}"
        if settings.kafka_key_file is not None:
            setting += f" with MILLRACE_KAFKA_KEY_FILE={settings.kafka_key_file}"
        if settings.kafka_cert_file is not None:
            context.load_cert_chain(settings.kafka_cert_file, settings.kafka_key_file)
    except (OSError, ssl.SSLError) as error:
        raise StartRefused(f"{setting} cannot be used: {error.strerror or error}") from error
    return context
