"""Questions: SQL, the metric layer, plain language, live streams."""

from grafana.panels import Board, Row, lines, must_be_none, number, quantiles

_SLOWEST = "sum by (handler, le) (rate(http_request_duration_seconds_bucket[$__rate_interval]))"

BOARD = Board(
    "queries",
    "Millrace: Query Performance",
    "What is asked, how long answers take, where they are from, and what fails.",
    (
        Row(
            "Questions",
            (
                lines(
                    "By outcome",
                    "reqps",
                    ("sum by (status) (rate(analytics_queries_total[$__rate_interval]))", "{{status}}"),
                    kind="areas",
                    about="SQL and the metric layer. Refused: for what it asks.",
                ),
                lines(
                    "From a question to its answer",
                    "s",
                    *quantiles("query_latency_seconds", 0.5, 0.95, 0.99),
                ),
                lines(
                    "That fail",
                    "percentunit",
                    ("job:analytics_query_errors_per_query:ratio_rate5m", "{{job}}"),
                    about="Without those that were refused.",
                ),
                lines(
                    "Where answers are from",
                    "ops",
                    ("sum by (outcome) (rate(millrace_answers_total[$__rate_interval]))", "{{outcome}}"),
                    kind="areas",
                    about="hit: kept, or being asked by somebody else. miss: asked. stale: kept, as the warehouse is away.",
                ),
                number(
                    "Kept answers that served",
                    "percentunit",
                    'sum(rate(millrace_answers_total{outcome="hit"}[$__rate_interval]))'
                    " / sum(rate(millrace_answers_total[$__rate_interval]))",
                    width=4,
                    height=7,
                ),
                must_be_none(
                    "Warehouse is not asked",
                    "max(millrace_warehouse_circuit_open)",
                    about="1 while it does not answer: the circuit is open.",
                    width=4,
                    height=7,
                ),
                lines(
                    "Limited",
                    "reqps",
                    ("sum by (scope) (rate(millrace_rate_limited_total[$__rate_interval]))", "{{scope}}"),
                ),
            ),
        ),
        Row(
            "Routes",
            (
                lines(
                    "95 % begin to answer within",
                    "s",
                    (
                        f"topk(10, histogram_quantile(0.95, {_SLOWEST}))",
                        "{{handler}}",
                    ),
                    about="The ten slowest routes.",
                    width=12,
                ),
                lines(
                    "Engine connections closed after an error",
                    "short",
                    ("sum(increase(millrace_warehouse_connections_discarded_total[$__rate_interval]))", "closed"),
                    about="Errors of statements, too: the embedded engine's connections are not used again behind one.",
                    width=12,
                ),
            ),
        ),
        Row(
            "Plain language",
            (
                lines(
                    "By outcome",
                    "reqps",
                    ("sum by (status) (rate(ai_queries_total[$__rate_interval]))", "{{status}}"),
                    kind="areas",
                ),
                lines(
                    "Asked of the language model",
                    "reqps",
                    ("sum by (result) (rate(millrace_llm_requests_total[$__rate_interval]))", "{{result}}"),
                ),
                lines(
                    "What it costs",
                    "currencyUSD",
                    ("sum(increase(millrace_llm_cost_dollars_total[1h]))", "an hour"),
                ),
                lines(
                    "Tokens",
                    "ops",
                    ("sum by (direction) (rate(millrace_llm_tokens_total[$__rate_interval]))", "{{direction}}"),
                    about="A second.",
                ),
            ),
        ),
        Row(
            "Live streams",
            (
                lines("Open", "short", ("sum by (instance) (millrace_sse_connections)", "{{instance}}")),
                lines(
                    "Skipped for clients that read too slowly",
                    "ops",
                    ("sum(rate(millrace_sse_lagged_events_total[$__rate_interval]))", "events"),
                ),
                lines(
                    "Times that the log was followed",
                    "short",
                    ("sum by (what) (increase(millrace_sse_follows_total[$__rate_interval]))", "{{what}}"),
                    about="For all streams, or for one that was away for long.",
                ),
            ),
        ),
    ),
)
