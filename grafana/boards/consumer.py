"""From the log into the warehouse, and what lies there."""

from grafana.panels import Board, Row, lines, must_be_none, quantiles

BOARD = Board(
    "consumer",
    "Millrace: Consumer and storage",
    "How far the warehouse is behind, how it stores, and how large it is.",
    (
        Row(
            "Behind",
            (
                lines(
                    "Waiting events",
                    "short",
                    ("sum by (partition) (millrace_consumer_lag_events)", "partition {{partition}}"),
                    kind="areas",
                ),
                lines(
                    "Oldest that waits",
                    "s",
                    ("max by (partition) (millrace_consumer_lag_seconds)", "partition {{partition}}"),
                ),
                lines(
                    "From accepted to queryable",
                    "s",
                    *quantiles("millrace_event_freshness_seconds", 0.5, 0.95),
                    about="The oldest event of each batch.",
                ),
            ),
        ),
        Row(
            "Inserts",
            (
                lines("Rows stored", "ops", ("sum(rate(millrace_sink_rows_total[$__rate_interval]))", "rows")),
                lines(
                    "Rows of an insert",
                    "short",
                    *quantiles("millrace_sink_batch_rows", 0.5, 0.95),
                    about="Small ones at a high rate make parts faster than merges join them.",
                ),
                lines(
                    "One insert takes",
                    "s",
                    *quantiles("millrace_sink_insert_duration_seconds", 0.5, 0.95),
                ),
                lines(
                    "Inserts that failed",
                    "short",
                    ("sum by (kind) (increase(millrace_sink_errors_total[$__rate_interval]))", "{{kind}}"),
                    about="They are tried again; single rows that are refused go to dead letters.",
                ),
                lines(
                    "Set aside",
                    "short",
                    ("sum(millrace_deadletter_depth)", "not decided"),
                    ("sum by (reason) (increase(millrace_deadletter_events_total[1h]))", "{{reason}} in an hour"),
                    about="Dead letters: millrace dlq list.",
                ),
                lines(
                    "Made good after a stop",
                    "short",
                    ("sum(increase(millrace_consumer_intents_replayed_total[$__rate_interval]))", "batches repeated"),
                    ("sum(increase(millrace_consumer_reconciled_records_total[$__rate_interval]))", "rows put back"),
                    ("sum(increase(millrace_consumer_erased_events_total[$__rate_interval]))", "left out, erased"),
                ),
            ),
        ),
        Row(
            "Storage",
            (
                lines(
                    "Size of tables", "bytes", ("max by (table) (millrace_warehouse_table_bytes)", "{{table}}"), kind="areas"
                ),
                lines("Rows of tables", "short", ("max by (table) (millrace_warehouse_table_rows)", "{{table}}")),
                lines(
                    "Parts of a partition",
                    "short",
                    ("max by (table) (millrace_warehouse_partition_parts)", "{{table}}"),
                    about="Of the partition that has most. Inserts are slowed down from 1,000 on and refused from 3,000 on.",
                ),
                lines(
                    "Memory for recent ids",
                    "bytes",
                    ("max by (instance) (millrace_consumer_recent_ids_bytes)", "{{instance}}"),
                    ("max by (instance) (2.4 * millrace_consumer_recent_ids)", "in use of {{instance}}"),
                    about="Ids of 48 hours; at most MILLRACE_CONSUMER_RECENT_IDS_BYTES.",
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
                must_be_none("Lost by retention", "sum(millrace_consumer_gap_records_total)", width=6, needs="Kafka"),
                must_be_none("Damaged in the log", "sum(millrace_log_damaged_records_total)", width=6),
            ),
        ),
        Row(
            "Kafka",
            (
                lines(
                    "Lag, as kafka-exporter names it",
                    "short",
                    ("sum by (consumergroup, topic) (kafka_consumergroup_lag_sum)", "{{consumergroup}} {{topic}}"),
                    ("max by (topic, partition) (kafka_consumergroup_lag)", "{{topic}} {{partition}}"),
                    needs="Kafka",
                ),
                lines(
                    "Partitions that come and go",
                    "short",
                    ("sum(increase(millrace_consumer_rebalances_total[$__rate_interval]))", "taken"),
                    ("sum(increase(millrace_consumer_fenced_total[$__rate_interval]))", "lost before a commit"),
                    ("sum(increase(millrace_consumer_rejoined_total[$__rate_interval]))", "members replaced"),
                    needs="Kafka",
                ),
                must_be_none(
                    "Topics made again",
                    "sum(millrace_consumer_recreated_partitions_total)",
                    about="Partitions.",
                    needs="Kafka",
                    width=8,
                    height=7,
                ),
            ),
        ),
        Row(
            "The server's own",
            (
                lines(
                    "Merges and mutations",
                    "short",
                    ("ClickHouseMetrics_BackgroundMergesAndMutationsPoolTask", "{{instance}}"),
                    needs="a ClickHouse server",
                ),
                lines(
                    "Inserts slowed down and refused",
                    "short",
                    ("increase(ClickHouseProfileEvents_DelayedInserts[$__rate_interval])", "slowed down, {{instance}}"),
                    ("increase(ClickHouseProfileEvents_RejectedInserts[$__rate_interval])", "refused, {{instance}}"),
                    needs="a ClickHouse server",
                ),
                lines(
                    "Failed queries",
                    "short",
                    ("increase(ClickHouseProfileEvents_FailedQuery[$__rate_interval])", "{{instance}}"),
                    needs="a ClickHouse server",
                ),
                lines(
                    "Memory",
                    "bytes",
                    ("ClickHouseMetrics_MemoryTracking", "{{instance}}"),
                    needs="a ClickHouse server",
                ),
                lines(
                    "Disk left",
                    "bytes",
                    ("ClickHouseAsyncMetrics_DiskAvailable_default", "{{instance}}"),
                    needs="a ClickHouse server",
                ),
                lines(
                    "Most parts of a partition",
                    "short",
                    ("ClickHouseAsyncMetrics_MaxPartCountForPartition", "{{instance}}"),
                    needs="a ClickHouse server",
                ),
            ),
        ),
    ),
)
