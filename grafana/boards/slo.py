"""What is promised, and how much of what may fail is left. Objectives stand in prometheus/rules/recording.yml."""

from grafana.panels import Board, Panel, Row, lines, number


def _left(name: str, failed: str) -> Panel:
    return number(
        "Error budget left",
        "percentunit",
        f"1 - max({failed}) / (1 - scalar({name}))",
        about="Of 30 days, or of as many as there are. Below 0 the promise is broken.",
        steps=((None, "red"), (0.0, "yellow"), (0.25, "green")),
        width=4,
        height=7,
        decimals=1,
    )


def _kept(name: str, failed: str) -> Panel:
    return number(
        "Kept",
        "percentunit",
        f"1 - max({failed})",
        about=f"Over 30 days; the objective is {name}.",
        width=4,
        height=7,
        decimals=3,
    )


def _objective(name: str) -> Panel:
    return number("Objective", "percentunit", name, width=4, height=7, decimals=3)


_REQUESTS = "slo:http_requests:objective"
_FRESH = "slo:event_freshness:objective"
_QUERIES = "slo:analytics_queries:objective"
_FAILED = "job:http_request_errors_per_request:ratio_rate"
_LATE = "job:millrace_batches_late_per_batch:ratio_rate30d"
_UNANSWERED = "job:analytics_query_errors_per_query:ratio_rate30d"

BOARD = Board(
    "slo",
    "Millrace: SLO and error budget",
    "Three promises over 30 days: requests are answered, events are queryable within 30 s, questions are answered.",
    (
        Row(
            "Requests are answered with something else than 5xx",
            (
                _objective(_REQUESTS),
                _kept(_REQUESTS, f"{_FAILED}30d"),
                _left(_REQUESTS, f"{_FAILED}30d"),
                lines(
                    "How fast the budget burns",
                    "short",
                    *(
                        (f"max({_FAILED}{window}) / (1 - scalar({_REQUESTS}))", f"of the last {window}")
                        for window in ("5m", "30m", "1h", "6h")
                    ),
                    about="At 1 a month's budget lasts a month. Alerts: 14.4 in an hour, 6 in six hours.",
                    width=12,
                ),
            ),
        ),
        Row(
            "Events are queryable within 30 seconds",
            (
                _objective(_FRESH),
                _kept(_FRESH, _LATE),
                _left(_FRESH, _LATE),
                lines(
                    "Batches",
                    "ops",
                    ("job:millrace_batches:rate5m", "all"),
                    ("job:millrace_batches_late:rate5m", "too late"),
                    width=12,
                ),
            ),
        ),
        Row(
            "Questions are answered",
            (
                _objective(_QUERIES),
                _kept(_QUERIES, _UNANSWERED),
                _left(_QUERIES, _UNANSWERED),
                lines(
                    "Questions",
                    "reqps",
                    ("job:analytics_queries:rate5m", "all"),
                    ("job:analytics_query_errors:rate5m", "failed"),
                    width=12,
                ),
            ),
        ),
    ),
    span="now-7d",
    refresh="1m",
)
