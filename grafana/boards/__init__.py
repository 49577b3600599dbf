"""The dashboards, a module each; ``python -m grafana.generate`` writes their files."""

from grafana.boards import clickhouse, consumer, customers, health, ingestion, overview, queries, slo

BOARDS = (
    overview.BOARD,
    ingestion.BOARD,
    queries.BOARD,
    health.BOARD,
    customers.BOARD,
    consumer.BOARD,
    slo.BOARD,
    clickhouse.BOARD,
)
