"""Events on their way in."""

from grafana.panels import Board, Row, Variable, lines, quantiles

_BY = '{service=~"$service"}'


BOARD = Board(
    "ingestion",
    "Millrace: Ingestion Overview",
    "What comes in, what is refused and why, and how long clients wait.",
    (
        Row(
            "Events",
            (
                lines(
                    "Accepted, by type",
                    "ops",
                    (f"topk(10, sum by (event_type) (rate(events_received_total{_BY}[$__rate_interval])))", "{{event_type}}"),
                    kind="areas",
                    about="The ten most frequent.",
                ),
                lines(
                    "Not stored, by reason",
                    "ops",
                    (f"sum by (reason) (rate(events_dropped_total{_BY}[$__rate_interval]))", "{{reason}}"),
                    about="Rejected, or left out as their tenant wants it. Each reason stands in the reference of errors.",
                ),
                lines(
                    "Sent again, stored once",
                    "ops",
                    ("sum by (layer) (rate(millrace_duplicates_dropped_total[$__rate_interval]))", "{{layer}}"),
                ),
            ),
        ),
        Row(
            "Requests",
            (
                lines(
                    "From request to durable answer",
                    "s",
                    *quantiles("ingestion_latency_seconds", 0.5, 0.95, 0.99, by=_BY),
                ),
                lines(
                    "By route",
                    "reqps",
                    (
                        f"topk(10, sum by (handler) (rate(http_requests_total{_BY}[$__rate_interval])))",
                        "{{handler}}",
                    ),
                    about="The ten most frequent. A route is a protocol: /track is ours, /batch PostHog's or Amplitude's.",
                ),
                lines(
                    "By status",
                    "reqps",
                    (f"sum by (status) (rate(http_requests_total{_BY}[$__rate_interval]))", "{{status}}"),
                    kind="areas",
                ),
                lines(
                    "That fail",
                    "percentunit",
                    ('job:http_request_errors_per_request:ratio_rate5m{service=~"$service"}', "{{service}}"),
                ),
                lines(
                    "Size of a body",
                    "bytes",
                    *quantiles("millrace_ingest_payload_bytes", 0.5, 0.95, by=_BY),
                    about="On the wire, compressed where the client does that.",
                ),
                lines(
                    "Limited",
                    "reqps",
                    ("sum by (scope) (rate(millrace_rate_limited_total[$__rate_interval]))", "{{scope}}"),
                    about="Questions that were answered 429. Events beyond a limit are among those not stored.",
                ),
            ),
        ),
        Row(
            "The log",
            (
                lines(
                    "One durable commit",
                    "s",
                    *quantiles("millrace_log_append_seconds", 0.5, 0.99, by=_BY),
                    about="What every answer waits for: a group of requests on SQLite, a request on Kafka.",
                ),
                lines(
                    "On this machine's disk",
                    "bytes",
                    ("sum by (instance) (millrace_log_bytes)", "file, {{instance}}"),
                    ("sum by (instance) (millrace_log_waiting_bytes)", "waits, {{instance}}"),
                ),
                lines(
                    "Refusals that no report has",
                    "short",
                    ("sum(increase(millrace_ingest_outcomes_lost_total[$__rate_interval]))", "lost"),
                ),
                lines(
                    "Kept here while Kafka is away",
                    "short",
                    ("sum by (instance) (millrace_spill_events)", "waits, {{instance}}"),
                    ("sum by (instance) (millrace_spill_active)", "active, {{instance}}"),
                    needs="Kafka",
                ),
                lines(
                    "Into and out of the spill",
                    "ops",
                    ("sum(rate(millrace_spilled_events_total[$__rate_interval]))", "kept"),
                    ("sum(rate(millrace_spill_drained_events_total[$__rate_interval]))", "handed on"),
                    needs="Kafka",
                ),
                lines(
                    "Oldest in the spill",
                    "s",
                    ("max by (instance) (millrace_spill_oldest_seconds)", "{{instance}}"),
                    needs="Kafka",
                ),
            ),
        ),
    ),
    (Variable("service", "Service", 'up{job="millrace"}'),),
)
