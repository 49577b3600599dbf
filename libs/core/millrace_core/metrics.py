"""Every metric that outsiders see, declared once: docs/reference/metrics.md is generated from this list, and a test holds
dashboards and alerts against it. The first six have the names that the realtime contract documents."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. A counter's exposed name ends in ``_total``, as given here."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    unit: str
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    values: tuple[str, ...] = ()
    """Of its one label: told with 0 from the start, as an increase is seen only of what was there before."""


OTHER = "other"
"""The label value of everything beyond a label's cap."""

_LATENCY = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

EVENTS_RECEIVED = Metric(
    "events_received_total", "counter", "events", "Events accepted and durable.", ("customer_id", "event_type")
)
EVENTS_DROPPED = Metric(
    "events_dropped_total", "counter", "events", "Events that are not stored, by reason.", ("customer_id", "reason")
)
INGESTION_LATENCY = Metric(
    "ingestion_latency_seconds",
    "histogram",
    "seconds",
    "From the first byte of a tracking request to its durable answer.",
    ("customer_id",),
    _LATENCY,
)
ANALYTICS_QUERIES = Metric(
    "analytics_queries_total", "counter", "queries", "SQL questions, by outcome.", ("customer_id", "status")
)
AI_QUERIES = Metric(
    "ai_queries_total", "counter", "queries", "Plain-language questions, by outcome.", ("customer_id", "status")
)
QUERY_LATENCY = Metric(
    "query_latency_seconds", "histogram", "seconds", "From a question to its answer.", ("customer_id",), _LATENCY
)

HTTP_REQUESTS = Metric(
    "http_requests_total", "counter", "requests", "Requests by route template.", ("handler", "method", "status")
)
HTTP_SECONDS = Metric(
    "http_request_duration_seconds",
    "histogram",
    "seconds",
    "From a request to the beginning of its answer, by route template; of tracking routes it is ingestion_latency_seconds.",
    ("handler", "method"),
    _LATENCY,
)
BUILD_INFO = Metric("millrace_build_info", "gauge", "", "Always 1; its label is the version that runs.", ("version",))
DISK_FREE = Metric("millrace_disk_free_bytes", "gauge", "bytes", "Free for this process on the disk of its data folder.")
DISK_SIZE = Metric("millrace_disk_size_bytes", "gauge", "bytes", "Size of the disk of the data folder.")
MEMORY_LIMIT = Metric(
    "millrace_memory_limit_bytes",
    "gauge",
    "bytes",
    "What this process may take: the least limit of its container and its control groups, else the machine's memory.",
)
INGEST_PAYLOAD = Metric(
    "millrace_ingest_payload_bytes",
    "histogram",
    "bytes",
    "Size of tracking bodies on the wire.",
    (),
    (256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262144.0, 1048576.0, 5242880.0),
)
CACHE_FALLBACKS = Metric(
    "millrace_cache_fallbacks_total",
    "counter",
    "calls",
    "Calls that this process's own memory answered instead of Redis.",
    ("operation",),
)
CACHE_DEGRADED = Metric("millrace_cache_degraded", "gauge", "", "1 while Redis does not answer and nothing is shared.")
KAFKA_LAG = Metric(
    "kafka_consumergroup_lag",
    "gauge",
    "events",
    "Of this consumer's partitions, under the name that kafka-exporter gives it.",
    ("consumergroup", "topic", "partition"),
)
KAFKA_LAG_SUM = Metric(
    "kafka_consumergroup_lag_sum", "gauge", "events", "Likewise, of all of them together.", ("consumergroup", "topic")
)
CONSUMER_ERASED = Metric(
    "millrace_consumer_erased_events_total",
    "counter",
    "events",
    "Events left out of an insert because their person was erased.",
)
CONSUMER_REJOINED = Metric(
    "millrace_consumer_rejoined_total", "counter", "members", "Members of the consumer group replaced after a failure."
)
SPILLED = Metric("millrace_spilled_events_total", "counter", "events", "Events kept on this machine as Kafka was away.")
SPILL_DRAINED = Metric("millrace_spill_drained_events_total", "counter", "events", "Events of the spill that Kafka has.")
SPILL_EVENTS = Metric("millrace_spill_events", "gauge", "events", "Events that wait in the spill.")
SPILL_SECONDS = Metric(
    "millrace_spill_oldest_seconds", "gauge", "seconds", "How long the oldest event has waited in the spill."
)
SPILL_ACTIVE = Metric("millrace_spill_active", "gauge", "", "1 while events go to the spill.")
LOG_APPEND = Metric("millrace_log_append_seconds", "histogram", "seconds", "One durable group commit.", (), _LATENCY)
LOG_BYTES = Metric("millrace_log_bytes", "gauge", "bytes", "Size of the log on disk.")
LOG_WAITING = Metric(
    "millrace_log_waiting_bytes", "gauge", "bytes", "Events that wait for the warehouse in the log on this machine's disk."
)
LOG_LIMIT = Metric(
    "millrace_log_limit_bytes", "gauge", "bytes", "How much may wait there; beyond it events are refused with 503."
)
LOG_DAMAGED = Metric("millrace_log_damaged_records_total", "counter", "records", "Records whose checksum differs. Must be 0.")
CONSUMER_LAG_EVENTS = Metric(
    "millrace_consumer_lag_events", "gauge", "events", "Accepted and not yet in the warehouse.", ("partition",)
)
CONSUMER_LAG_SECONDS = Metric(
    "millrace_consumer_lag_seconds",
    "gauge",
    "seconds",
    "Age of the oldest event that is not yet in the warehouse.",
    ("partition",),
)
CONSUMER_GAP = Metric(
    "millrace_consumer_gap_records_total", "counter", "records", "Records that retention took first. Must be 0."
)
CONSUMER_FENCED = Metric(
    "millrace_consumer_fenced_total",
    "counter",
    "partitions",
    "Partitions lost before a commit was written.",
)
CONSUMER_REBALANCES = Metric(
    "millrace_consumer_rebalances_total", "counter", "rebalances", "Times that partitions were taken from this consumer."
)
CONSUMER_RECREATED = Metric(
    "millrace_consumer_recreated_partitions_total",
    "counter",
    "partitions",
    "Partitions of a topic that was deleted and made again. Must be 0.",
)
PRODUCER_RECREATED = Metric(
    "millrace_producer_recreated_total", "counter", "producers", "Kafka producers replaced after a failure."
)
CONSUMER_REPLAYED = Metric(
    "millrace_consumer_intents_replayed_total", "counter", "batches", "Pending batches inserted again after a start."
)
CONSUMER_RECONCILED = Metric(
    "millrace_consumer_reconciled_records_total", "counter", "records", "Records that a re-check by position put back."
)
CONSUMER_RECENT_IDS = Metric(
    "millrace_consumer_recent_ids", "gauge", "ids", "Event ids of the last 48 hours that this consumer remembers."
)
CONSUMER_RECENT_IDS_BYTES = Metric(
    "millrace_consumer_recent_ids_bytes",
    "gauge",
    "bytes",
    "Memory that they take, at most MILLRACE_CONSUMER_RECENT_IDS_BYTES: 2.4 bytes an id, and room for more.",
)
SINK_ROWS = Metric("millrace_sink_rows_total", "counter", "rows", "Rows stored in the warehouse.")
SINK_BATCH_ROWS = Metric(
    "millrace_sink_batch_rows",
    "histogram",
    "rows",
    "Rows of one insert.",
    (),
    (1.0, 10.0, 100.0, 1000.0, 5000.0, 10000.0, 25000.0, 50000.0),
)
SINK_INSERT = Metric("millrace_sink_insert_duration_seconds", "histogram", "seconds", "One insert.", (), _LATENCY)
SINK_ERRORS = Metric(
    "millrace_sink_errors_total",
    "counter",
    "errors",
    "Inserts that failed, by kind.",
    ("kind",),
    values=("refused", "unavailable"),
)
DUPLICATES_DROPPED = Metric(
    "millrace_duplicates_dropped_total",
    "counter",
    "events",
    "Events sent again and stored once, by layer.",
    ("layer",),
    values=("consumer",),
)
DEAD_LETTERS = Metric(
    "millrace_deadletter_events_total",
    "counter",
    "events",
    "Records set aside, by reason.",
    ("reason",),
    values=("refused_by_warehouse", "damaged_in_log"),
)
OUTCOMES_LOST = Metric(
    "millrace_ingest_outcomes_lost_total",
    "counter",
    "events",
    "Refused events that no report has: too many kinds of refusals in a second, or no log when the process ended.",
)
DEAD_LETTER_DEPTH = Metric("millrace_deadletter_depth", "gauge", "events", "Records set aside and not yet decided.")
FRESHNESS = Metric(
    "millrace_event_freshness_seconds",
    "histogram",
    "seconds",
    "From accepted to queryable, the oldest event of each batch.",
    (),
    (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0),
)
AUDIT_DUPLICATES = Metric("millrace_audit_duplicate_rows", "gauge", "rows", "Rows beyond one an event, last audit. Must be 0.")
AUDIT_DIFFERENCES = Metric(
    "millrace_audit_rollup_differences", "gauge", "buckets", "Rollup buckets that differ from the raw table. Must be 0."
)
WAREHOUSE_DISCARDED = Metric(
    "millrace_warehouse_connections_discarded_total", "counter", "connections", "Engine connections closed after an error."
)
WAREHOUSE_CIRCUIT_OPEN = Metric(
    "millrace_warehouse_circuit_open", "gauge", "boolean", "1 while the warehouse does not answer and is not asked."
)
TABLE_ROWS = Metric(
    "millrace_warehouse_table_rows", "gauge", "rows", "Rows of each table, as they lie in its parts.", ("table",)
)
TABLE_BYTES = Metric("millrace_warehouse_table_bytes", "gauge", "bytes", "Size of each table on disk.", ("table",))
PARTITION_PARTS = Metric(
    "millrace_warehouse_partition_parts",
    "gauge",
    "parts",
    "Most parts that one partition of a table has; from 1,000 on the engine slows inserts down, from 3,000 on it refuses them.",
    ("table",),
)
ANSWERS = Metric(
    "millrace_answers_total",
    "counter",
    "answers",
    "Answers by where they are from: hit (kept, or being asked by somebody else), miss (asked), stale (kept, as the warehouse "
    "is away), bypass (asked, and never kept).",
    ("outcome",),
    values=("hit", "miss", "stale", "bypass"),
)
LLM_REQUESTS = Metric(
    "millrace_llm_requests_total",
    "counter",
    "requests",
    "Questions to the language model: ok, failed (it did not answer), refused (it cannot take this one), budget (not asked, "
    "as the tenant's day is spent).",
    ("result",),
    values=("ok", "failed", "refused", "budget"),
)
LLM_TOKENS = Metric(
    "millrace_llm_tokens_total",
    "counter",
    "tokens",
    "Tokens that were paid for: input, output, cache_read, cache_write.",
    ("direction",),
    values=("input", "output", "cache_read", "cache_write"),
)
LLM_COST = Metric("millrace_llm_cost_dollars_total", "counter", "dollars", "What the language model has cost.")
SSE_CONNECTIONS = Metric("millrace_sse_connections", "gauge", "connections", "Open live streams.")
SSE_LAGGED = Metric("millrace_sse_lagged_events_total", "counter", "events", "Events skipped for clients that read too slowly.")
SSE_FOLLOWS = Metric(
    "millrace_sse_follows_total",
    "counter",
    "reads",
    "Times that the log was followed for live streams: for all of them, or for one that was away for long.",
    ("what",),
    values=("all", "one"),
)
RATE_LIMITED = Metric(
    "millrace_rate_limited_total",
    "counter",
    "requests",
    "Requests answered 429, by scope.",
    ("scope",),
    values=("queries", "questions", "sql", "ai"),
)

CATALOGUE: tuple[Metric, ...] = tuple(value for value in globals().values() if isinstance(value, Metric))
