"""The warehouse on a ClickHouse server or cluster, over HTTP through clickhouse-connect."""
