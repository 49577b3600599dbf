"""The warehouse itself, asked in SQL through Grafana's plug-in for ClickHouse. Only a server can be asked."""

from typing import Any

from grafana.panels import CLICKHOUSE, Board, Panel, Query, Row


def _asked(title: str, unit: str, text: str, **more: Any) -> Panel:
    return Panel(title, unit, (Query(" ".join(text.split())),), needs="a ClickHouse server", **more)


BOARD = Board(
    "clickhouse",
    "Millrace: ClickHouse",
    "What is stored, by whom, and how the server is doing.",
    (
        Row(
            "Events",
            (
                _asked(
                    "Stored, by type",
                    "short",
                    """SELECT $__timeInterval(minute) AS time, event_type, sum(events) AS events FROM events_by_minute
                    WHERE $__timeFilter(minute) GROUP BY time, event_type ORDER BY time""",
                    about="By the events' own time.",
                ),
                _asked(
                    "Visitors",
                    "short",
                    """SELECT $__timeInterval(minute) AS time, uniqMerge(visitors) AS visitors FROM events_by_minute
                    WHERE $__timeFilter(minute) AND NOT is_bot GROUP BY time ORDER BY time""",
                    about="Of all tenants, without bots.",
                ),
                _asked(
                    "Tenants",
                    "short",
                    """SELECT customer_id, sum(events) AS events, uniqMerge(visitors) AS visitors FROM events_by_minute
                    WHERE $__timeFilter(minute) GROUP BY customer_id ORDER BY events DESC LIMIT 50""",
                    kind="table",
                ),
                _asked(
                    "What is not stored",
                    "short",
                    """SELECT customer_id, outcome, reason, sum(events) AS events FROM ingest_outcomes
                    WHERE $__timeFilter(minute) GROUP BY customer_id, outcome, reason ORDER BY events DESC LIMIT 50""",
                    kind="table",
                    about="Rejected, limited, sent again or set aside.",
                    width=12,
                ),
                _asked(
                    "Pages",
                    "short",
                    """SELECT customer_id, page_path, sum(views) AS views FROM pages_by_minute
                    WHERE $__timeFilter(minute) AND NOT is_bot GROUP BY customer_id, page_path ORDER BY views DESC LIMIT 50""",
                    kind="table",
                    width=12,
                ),
            ),
        ),
        Row(
            "Storage",
            (
                _asked(
                    "Tables",
                    "bytes",
                    """SELECT table, sum(bytes_on_disk) AS size, sum(data_uncompressed_bytes) AS uncompressed FROM system.parts
                    WHERE database = currentDatabase() AND active GROUP BY table ORDER BY size DESC""",
                    kind="table",
                ),
                _asked(
                    "Partitions with most parts",
                    "short",
                    """SELECT table, partition, count() AS parts, sum(rows) AS rows FROM system.parts
                    WHERE database = currentDatabase() AND active GROUP BY table, partition ORDER BY parts DESC LIMIT 20""",
                    kind="table",
                ),
                _asked(
                    "Disks",
                    "bytes",
                    "SELECT name, free_space AS free, total_space AS size FROM system.disks",
                    kind="table",
                ),
                _asked(
                    "Merges that run",
                    "s",
                    """SELECT table, partition_id, num_parts AS parts, round(progress, 2) AS progress, elapsed
                    FROM system.merges ORDER BY elapsed DESC""",
                    kind="table",
                ),
                _asked(
                    "Mutations that wait",
                    "short",
                    """SELECT table, command, parts_to_do AS parts, latest_fail_reason AS failed FROM system.mutations
                    WHERE NOT is_done ORDER BY create_time""",
                    kind="table",
                ),
                _asked(
                    "Replicas",
                    "short",
                    """SELECT table, is_readonly, absolute_delay AS delay, queue_size AS queue FROM system.replicas
                    ORDER BY delay DESC LIMIT 50""",
                    kind="table",
                    about="Empty without replication.",
                ),
            ),
        ),
        Row(
            "Queries",
            (
                _asked(
                    "By user",
                    "short",
                    """SELECT $__timeInterval(event_time) AS time, user, count() AS queries FROM system.query_log
                    WHERE $__timeFilter(event_time) AND type != 'QueryStart' GROUP BY time, user ORDER BY time""",
                ),
                _asked(
                    "An insert takes",
                    "ms",
                    """SELECT $__timeInterval(event_time) AS time, quantile(0.95)(query_duration_ms) AS p95
                    FROM system.query_log WHERE $__timeFilter(event_time) AND type = 'QueryFinish' AND query_kind = 'Insert'
                    GROUP BY time ORDER BY time""",
                ),
                _asked(
                    "Errors",
                    "short",
                    """SELECT name, code, value AS times, last_error_time AS last FROM system.errors
                    WHERE last_error_time >= $__fromTime ORDER BY last_error_time DESC LIMIT 50""",
                    kind="table",
                ),
                _asked(
                    "That took longest",
                    "ms",
                    """SELECT event_time, user, query_duration_ms AS took, read_rows, memory_usage, exception_code AS code,
                    substring(normalizeQuery(query), 1, 200) AS statement FROM system.query_log
                    WHERE $__timeFilter(event_time) AND type != 'QueryStart' ORDER BY took DESC LIMIT 50""",
                    kind="table",
                    width=24,
                    about="Without the values in them.",
                ),
            ),
        ),
    ),
    source=CLICKHOUSE,
    span="now-6h",
    refresh="1m",
)
