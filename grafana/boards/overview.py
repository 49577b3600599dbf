"""Is it healthy? In one row, and then where to look."""

from grafana.panels import Board, Row, lines, must_be_none, number

BOARD = Board(
    "overview",
    "Millrace: Overview",
    "Is it healthy? The first row says it; the links at the top lead on.",
    (
        Row(
            "Is it healthy?",
            (
                number(
                    "Services that answer",
                    "percentunit",
                    'avg(up{job="millrace"})',
                    steps=((None, "red"), (1.0, "green")),
                    decimals=0,
                ),
                number("Accepted", "ops", "sum(job:events_received:rate5m) or vector(0)", about="Events a second."),
                number(
                    "Requests that fail",
                    "percentunit",
                    "max(job:http_request_errors_per_request:ratio_rate5m)",
                    about="Of the service that fails most.",
                    steps=((None, "green"), (0.001, "yellow"), (0.02, "red")),
                ),
                number(
                    "Accepted to queryable",
                    "s",
                    "max(job:millrace_event_freshness_seconds:p95_5m)",
                    about="95 % of the batches take at most this long.",
                    steps=((None, "green"), (5.0, "yellow"), (30.0, "red")),
                ),
                number(
                    "Oldest that waits",
                    "s",
                    "max(job:millrace_consumer_lag_seconds:max)",
                    steps=((None, "green"), (10.0, "yellow"), (60.0, "red")),
                ),
                must_be_none("Dead letters", "sum(millrace_deadletter_depth)", about="Not yet decided."),
                number(
                    "Disk left",
                    "percentunit",
                    "min(millrace_disk_free_bytes / millrace_disk_size_bytes)",
                    about="Of the data folder that has least.",
                    steps=((None, "red"), (0.1, "yellow"), (0.25, "green")),
                ),
                must_be_none("Alerts", 'count(ALERTS{alertstate="firing"}) or vector(0)', about="That fire now."),
            ),
        ),
        Row(
            "Events",
            (
                lines(
                    "Accepted, and not stored",
                    "ops",
                    ("sum(rate(events_received_total[$__rate_interval]))", "accepted"),
                    ("sum by (reason) (rate(events_dropped_total[$__rate_interval]))", "{{reason}}"),
                ),
                lines(
                    "From accepted to queryable",
                    "s",
                    ("job:millrace_event_freshness_seconds:p95_5m", "p95"),
                    ("job:millrace_consumer_lag_seconds:max", "oldest that waits"),
                ),
                lines(
                    "Waiting for the warehouse",
                    "short",
                    ("sum(millrace_consumer_lag_events)", "events"),
                    about="Accepted, in the log.",
                ),
            ),
        ),
        Row(
            "Requests",
            (
                lines("Answered", "reqps", ("sum by (service) (job:http_requests:rate5m)", "{{service}}")),
                lines(
                    "That fail",
                    "percentunit",
                    ("job:http_request_errors_per_request:ratio_rate5m", "{{service}}"),
                    about="Answered with a status of 500 and more.",
                ),
                lines(
                    "How long they take",
                    "s",
                    ("job:ingestion_latency_seconds:p99_5m", "tracking, p99"),
                    ("job:query_latency_seconds:p95_5m", "questions, p95"),
                ),
            ),
        ),
        Row(
            "What must be 0",
            (
                must_be_none("Stored twice", "max(millrace_audit_duplicate_rows)", width=6, about="Rows, in the last audit."),
                must_be_none(
                    "Rollups that differ",
                    "max(millrace_audit_rollup_differences)",
                    width=6,
                    about="Buckets, in the last audit.",
                ),
                must_be_none("Lost by retention", "sum(millrace_consumer_gap_records_total)", width=6),
                must_be_none("Damaged in the log", "sum(millrace_log_damaged_records_total)", width=6),
            ),
        ),
    ),
)
