"""A real Kafka: one broker of its own (KRaft), on a free loopback port, from Maven Central's jars.

Needs Java 17 and Maven; the jars (46 MB) are resolved once a machine, into Maven's own repository.
"""

import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.support import figures
from tests.support.kafka_security import Security
from tests.support.killable import Killable
from tests.support.server import free_port

_VERSION = "4.4.0"
_START_SECONDS = 180.0
_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
  <groupId>millrace</groupId><artifactId>kafka-broker</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{_VERSION}</version></dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>2.25.1</version>
    </dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-core</artifactId><version>2.25.1</version></dependency>
  </dependencies></project>
"""
LOGGING = """rootLogger.level=warn
rootLogger.appenderRef.out.ref=OUT
appender.out.type=Console
appender.out.name=OUT
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d %p %c{1} %m%n
"""
_CLUSTER_ID = "TWlsbHJhY2VUZXN0Qm9yaw"


class KafkaBroker(Killable):
    """A broker, which is its own controller.

    Args:
        security: listeners that ask who comes, beside the open one.
    """

    called = "the broker"

    def __init__(self, folder: Path, security: Security | None = None) -> None:
        self._folder = folder
        self._security = security
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        folder.mkdir(parents=True)
        (folder / "log4j2.properties").write_text(LOGGING)
        (folder / "server.properties").write_text(self._properties(free_port()))
        copy_jars(folder / "libs")
        scram = security.scram if security is not None else ()
        self._run(*self._java(), "kafka.tools.StorageTool", "format", "-t", _CLUSTER_ID, *scram, "-c", "server.properties")

    @property
    def pid(self) -> int:
        """Of the process that was started last."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start, and wait until it takes connections."""
        with (self._folder / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._java(), "kafka.Kafka", "server.properties"], cwd=self._folder, stdout=log, stderr=log
            )
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            assert self._process.poll() is None, f"the broker ended at its start:\n{self._tail()}"
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1.0).close()
            except OSError:
                time.sleep(0.1)
            else:
                figures.healed()
                return
        raise AssertionError(f"the broker is not up after {_START_SECONDS} s:\n{self._tail()}")

    def _run(self, *command: str) -> None:
        subprocess.run(command, cwd=self._folder, check=True, capture_output=True, timeout=300)

    def _java(self) -> list[str]:
        return ["java", "-Xmx512m", "-XX:+UseSerialGC", "-cp", "libs/*", "-Dlog4j2.configurationFile=log4j2.properties"]

    def _tail(self) -> str:
        return "\n".join((self._folder / "broker.log").read_text(errors="replace").splitlines()[-20:])

    def _properties(self, controller: int) -> str:
        listeners, protocols, more = "", "", ""
        if self._security is not None:
            listeners, protocols, more = self._security.listeners, self._security.protocols, self._security.properties
        return f"""process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{controller}{listeners}
advertised.listeners=PLAINTEXT://127.0.0.1:{self.port}{listeners}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT{protocols}
log.dirs={self._folder / "data"}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
log.flush.interval.messages=1
{more}"""


def copy_jars(folder: Path) -> None:
    """Put what the broker is made of there.

    Raises:
        subprocess.CalledProcessError: Maven cannot fetch it.
    """
    folder.mkdir(parents=True)
    (folder / "pom.xml").write_text(_POM)
    command = ["mvn", "-q", "-B", "dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={folder}"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=300)


def new_broker(folder: Path, security: Security | None = None) -> KafkaBroker:
    """A broker that is running; the test is skipped where there is no Java or no Maven."""
    for tool in ("java", "mvn"):
        if shutil.which(tool) is None:
            pytest.skip(f"no real Kafka: {tool} is not installed (packages default-jre-headless and maven)")
    try:
        broker = KafkaBroker(folder, security)
    except subprocess.CalledProcessError as error:
        if error.cmd[0] != "mvn":
            raise
        pytest.skip(f"no real Kafka: Maven cannot fetch it ({error.stdout.decode(errors='replace').strip()[:200]})")
    broker.start()
    return broker
