"""Where the tables stand: on one server as the migrations write them, on a cluster replicated and behind distributed ones.

On a cluster, ``events_raw`` is a Distributed table over ``events_raw_local`` of every shard, and so is each table that a view
fills; a view reads and writes the tables of its own shard. So every name that is read or inserted into stays what it is.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_MERGE_TREE: Final = re.compile(r"\bENGINE = (\w*MergeTree)\b(?:\((\w+)\))?")
_TABLE: Final = re.compile(r"CREATE TABLE IF NOT EXISTS (\w+) \(")
_VIEW: Final = re.compile(r"CREATE MATERIALIZED VIEW IF NOT EXISTS (\w+) TO (\w+) AS")
_COPY: Final = re.compile(r"CREATE TABLE IF NOT EXISTS (\w+) AS (\w+) ENGINE = Null")
_CHANGED_VIEW: Final = re.compile(r"ALTER TABLE (\w+) MODIFY QUERY")
_WINDOW: Final = "non_replicated_deduplication_window = 100000"
_REPLICATED_WINDOW: Final = "replicated_deduplication_window = 100000, replicated_deduplication_window_seconds = 604800"
_LOCAL: Final = "_local"

# All copies of an event have one visitor, so they meet on one shard, where the engine can recognise them.
_SHARDING: Final = {
    "events_raw": "cityHash64(customer_id, visitor_id)",
    "identity_links": "cityHash64(customer_id, visitor_id)",
    "event_ids": "cityHash64(customer_id, event_id)",
}
_SHARDING_OF_ROLLUPS: Final = "cityHash64(customer_id)"


@dataclass(frozen=True, slots=True)
class Layout:
    """Of one database.

    Args:
        cluster: its name in the server's configuration; None on a single server.
    """

    cluster: str | None = None

    @property
    def suffix(self) -> str:
        """What the name of a table that holds rows ends with."""
        return _LOCAL if self.cluster else ""

    @property
    def on_cluster(self) -> str:
        """The clause that makes a statement run on every server, behind the name of what it is about."""
        return f" ON CLUSTER '{self.cluster}'" if self.cluster else ""

    def stored(self, table: str) -> str:
        """The table that holds the rows, as ALTER, DELETE and DROP name it."""
        return f"{table}{self.suffix}{self.on_cluster}"

    def system(self, table: str) -> str:
        """A system table, of all servers."""
        return f"clusterAllReplicas('{self.cluster}', system.{table})" if self.cluster else f"system.{table}"

    def record(self, columns: str, order: str, settings: str) -> str:
        """The rest of CREATE TABLE behind the name, for a small table that every server has whole."""
        path = "'/clickhouse/tables/{database}/{table}', '{shard}-{replica}'"
        engine = f"ReplicatedMergeTree({path})" if self.cluster else "MergeTree"
        return f"{self.on_cluster} ({columns}) ENGINE = {engine} ORDER BY {order} {settings}"

    def statements(self, statement: str) -> Sequence[str]:
        """What a statement of a migration is here.

        Raises:
            ValueError: it is of a kind that has no form on a cluster.
        """
        if not self.cluster:
            return [statement]
        if found := _TABLE.match(statement):
            return self._table(statement, found[1])
        if found := _VIEW.match(statement):
            head = f"CREATE MATERIALIZED VIEW IF NOT EXISTS {found[1]}{self.on_cluster} TO {found[2]}{_LOCAL} AS"
            body = statement[found.end() :].replace("\nFROM events_raw", f"\nFROM events_raw{_LOCAL}")
            return [head + body]
        if found := _COPY.match(statement):
            return [f"CREATE TABLE IF NOT EXISTS {found[1]}{self.on_cluster} AS {found[2]}{_LOCAL} ENGINE = Null"]
        if found := _CHANGED_VIEW.match(statement):
            body = statement[found.end() :].replace("\nFROM events_raw", f"\nFROM events_raw{_LOCAL}")
            return [f"ALTER TABLE {found[1]}{self.on_cluster} MODIFY QUERY{body}"]
        if statement.startswith("INSERT INTO "):  # through the distributed tables, as everybody's
            return [statement]
        raise ValueError(f"no form on a cluster: {statement[:60]}")

    def _table(self, statement: str, name: str) -> Sequence[str]:
        local = f"{name}{_LOCAL}"
        path = "'/clickhouse/tables/{shard}/{database}/{table}', '{replica}'"
        text = statement.replace(f"EXISTS {name} (", f"EXISTS {local}{self.on_cluster} (", 1)
        text = _MERGE_TREE.sub(
            lambda found: f"ENGINE = Replicated{found[1]}({path}{f', {found[2]}' if found[2] else ''})", text
        )
        distributed = (
            f"CREATE TABLE IF NOT EXISTS {name}{self.on_cluster} AS {local} "
            f"ENGINE = Distributed('{self.cluster}', currentDatabase(), {local}, {_SHARDING.get(name, _SHARDING_OF_ROLLUPS)})"
        )
        return [text.replace(_WINDOW, _REPLICATED_WINDOW), distributed]


SINGLE_SERVER: Final = Layout()
