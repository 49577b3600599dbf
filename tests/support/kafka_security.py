"""What a broker that asks who comes needs: certificates of an authority of its own, listeners, users, and who may do what."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trustme
from confluent_kafka import admin as confluent_admin
from cryptography.hazmat.primitives import serialization

from tests.support.server import free_port

_admin: Any = confluent_admin  # its types are half there

PASSWORD = "alice-secret"
"""Of every user."""
USERS = ("alice", "nobody")
LISTENERS = {
    "SSL": "SSL",
    "MUTUAL": "SSL",
    "SASL_PLAINTEXT": "SASL_PLAINTEXT",
    "SASL_SSL": "SASL_SSL",
    "SCRAM_ONLY": "SASL_PLAINTEXT",
}
"""Name of each listener beside the open one, and what is spoken there."""
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")

_PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule required {users};"
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"


@dataclass
class Security:
    """Certificates in a folder, and a port for each listener."""

    folder: Path
    ports: dict[str, int] = field(default_factory=lambda: {name: free_port() for name in LISTENERS})

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        self.ca_file, self.other_ca_file = self.folder / "ca.pem", self.folder / "other-ca.pem"
        self.broker_file, self.client_file = self.folder / "broker.pem", self.folder / "client.pem"
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.ca_file)
        trustme.CA().cert_pem.write_to_path(self.other_ca_file)
        for name, path in (("127.0.0.1", self.broker_file), ("client@millrace.test", self.client_file)):
            issued = authority.issue_cert(name)
            key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
            path.write_bytes(
                key.private_bytes(  # the form that Java reads
                    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
                )
                + b"".join(each.bytes() for each in issued.cert_chain_pems)
            )

    def address(self, listener: str) -> str:
        """Of a listener."""
        return f"127.0.0.1:{self.ports[listener]}"

    @property
    def scram(self) -> Sequence[str]:
        """What formats the broker's folder with the users of SCRAM in it."""
        return [
            part
            for user in USERS
            for mechanism in MECHANISMS[1:]
            for part in ("--add-scram", f"{mechanism}=[name={user},password={PASSWORD}]")
        ]

    @property
    def listeners(self) -> str:
        """For the broker's ``listeners``, with a comma in front."""
        return "".join(f",{name}://{self.address(name)}" for name in LISTENERS)

    @property
    def protocols(self) -> str:
        """Likewise, for what is spoken at each."""
        return "".join(f",{name}:{protocol}" for name, protocol in LISTENERS.items())

    @property
    def properties(self) -> str:
        """Everything else. Who comes without a name, and the client's certificate, may do everything; others what ACLs say."""
        users = " ".join(f'user_{user}="{PASSWORD}"' for user in USERS)
        lines = [
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users=User:ANONYMOUS;User:CLIENT",
            "ssl.principal.mapping.rules=RULE:^.*$/CLIENT/",
            "ssl.keystore.type=PEM",
            f"ssl.keystore.location={self.broker_file}",
            "ssl.truststore.type=PEM",
            f"ssl.truststore.location={self.ca_file}",
            "listener.name.mutual.ssl.client.auth=required",
        ]
        for name, protocol in LISTENERS.items():
            if not protocol.startswith("SASL"):
                continue
            mechanisms = MECHANISMS[1:] if name == "SCRAM_ONLY" else MECHANISMS
            listener = f"listener.name.{name.lower()}"
            lines.append(f"{listener}.sasl.enabled.mechanisms={','.join(mechanisms)}")
            for mechanism in mechanisms:
                module = _PLAIN.format(users=users) if mechanism == "PLAIN" else _SCRAM
                lines.append(f"{listener}.{mechanism.lower()}.sasl.jaas.config={module}")
        return "".join(f"{line}\n" for line in lines)


def allow(brokers: str, user: str, kind: str, name: str, *operations: str) -> None:
    """Let a user do this with a topic or a group.

    Args:
        kind: ``topic`` or ``group``.
        operations: ``read``, ``write``, ``describe``, ``create``.
    """
    client = _admin.AdminClient({"bootstrap.servers": brokers})
    bindings = [_binding(_admin.AclBinding, user, kind, name, operation) for operation in operations]
    for done in client.create_acls(bindings).values():
        done.result(30)
    _until(client, _binding(_admin.AclBindingFilter, user, kind, name, operations[0]), there=True)


def forbid(brokers: str, user: str, kind: str, name: str, operation: str) -> None:
    """Take it back."""
    client = _admin.AdminClient({"bootstrap.servers": brokers})
    removed = _binding(_admin.AclBindingFilter, user, kind, name, operation)
    for done in client.delete_acls([removed]).values():
        done.result(30)
    _until(client, removed, there=False)


def _binding(kind_of: Any, user: str, kind: str, name: str, operation: str) -> Any:
    return kind_of(
        _admin.ResourceType[kind.upper()],
        name,
        _admin.ResourcePatternType.LITERAL,
        f"User:{user}",
        "*",
        _admin.AclOperation[operation.upper()],
        _admin.AclPermissionType.ALLOW,
    )


def _until(client: Any, wanted: Any, *, there: bool) -> None:
    """The broker answers before what it was told holds."""
    deadline = time.monotonic() + 30
    while bool(client.describe_acls(wanted).result(30)) != there:
        assert time.monotonic() < deadline, "the broker does not take an ACL over"
        time.sleep(0.05)


def set_password(brokers: str, user: str, password: str) -> None:
    """Change it, for both kinds of SCRAM."""
    client = _admin.AdminClient({"bootstrap.servers": brokers})
    for mechanism in (_admin.ScramMechanism.SCRAM_SHA_256, _admin.ScramMechanism.SCRAM_SHA_512):
        change = _admin.UserScramCredentialUpsertion(user, _admin.ScramCredentialInfo(mechanism, 4096), password.encode())
        for done in client.alter_user_scram_credentials([change]).values():
            done.result(30)
