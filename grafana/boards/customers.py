"""One tenant, or several."""

from grafana.panels import Board, Panel, Query, Row, Variable, lines

_BY = '{customer_id=~"$customer_id"}'


def _rate(metric: str) -> str:
    return f"sum by (customer_id) (rate({metric}{_BY}[$__rate_interval]))"


def _p95(metric: str) -> str:
    return f"histogram_quantile(0.95, sum by (customer_id, le) (rate({metric}_bucket{_BY}[$__rate_interval])))"


_ACCEPTED = _rate("events_received_total")
_REFUSED = _rate("events_dropped_total")

BOARD = Board(
    "customers",
    "Millrace: Per-Customer Metrics",
    "What single tenants send and ask. 200 of them are told apart by each process, the others together are `other`.",
    (
        Row(
            "Events",
            (
                lines(
                    "Accepted",
                    "ops",
                    (_ACCEPTED, "{{customer_id}}"),
                    kind="areas",
                ),
                lines(
                    "Accepted, by type",
                    "ops",
                    (
                        f"topk(10, sum by (customer_id, event_type) (rate(events_received_total{_BY}[$__rate_interval])))",
                        "{{customer_id}} {{event_type}}",
                    ),
                    about="The ten most frequent.",
                ),
                lines(
                    "Not stored, by reason",
                    "ops",
                    (
                        f"sum by (customer_id, reason) (rate(events_dropped_total{_BY}[$__rate_interval]))",
                        "{{customer_id}} {{reason}}",
                    ),
                ),
                Panel(
                    "Most events in a day",
                    "short",
                    (Query("topk(20, sum by (customer_id) (increase(events_received_total[1d])))"),),
                    kind="table",
                    about="Of all tenants.",
                ),
                lines(
                    "Share that is not stored",
                    "percentunit",
                    (
                        f"{_REFUSED} / ({_REFUSED} + {_ACCEPTED})",
                        "{{customer_id}}",
                    ),
                ),
                lines("95 % of the requests are answered within", "s", (_p95("ingestion_latency_seconds"), "{{customer_id}}")),
            ),
        ),
        Row(
            "Questions",
            (
                lines(
                    "By outcome",
                    "reqps",
                    (
                        f"sum by (customer_id, status) (rate(analytics_queries_total{_BY}[$__rate_interval]))",
                        "{{customer_id}} {{status}}",
                    ),
                    about="SQL and the metric layer.",
                ),
                lines(
                    "In plain language",
                    "reqps",
                    (
                        f"sum by (customer_id, status) (rate(ai_queries_total{_BY}[$__rate_interval]))",
                        "{{customer_id}} {{status}}",
                    ),
                ),
                lines("95 % are answered within", "s", (_p95("query_latency_seconds"), "{{customer_id}}")),
            ),
        ),
    ),
    (Variable("customer_id", "Customer", "events_received_total"),),
)
