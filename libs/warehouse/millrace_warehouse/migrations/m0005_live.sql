-- What the live dashboard asks of the last hour, cheap whatever the traffic: a row for all events of a minute, where page is '', and
-- one for each page that was viewed in it. States of visitors have a bound, pages come first in the order so that the states of ten
-- are read and not everybody's, and what arrives later than six hours is left out (docs/adr/0028-live-rollup.md). Rows of years
-- before 2000 are the self-test's, and are dropped by it. What was stored before the view stood is counted by the migration.

CREATE TABLE IF NOT EXISTS live_by_minute (
  customer_id LowCardinality(String),
  minute DateTime('UTC') CODEC(Delta, ZSTD(1)),
  page String CODEC(ZSTD(1)),
  is_bot Bool,
  events SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  visitors AggregateFunction(uniqCombined(12), String) CODEC(LZ4),
  newest SimpleAggregateFunction(max, DateTime64(3, 'UTC')) CODEC(Delta, ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toStartOfHour(minute)
ORDER BY (customer_id, page, minute, is_bot)
TTL if(minute < toDateTime('2000-01-01 00:00:00', 'UTC'), toDateTime('2100-01-01 00:00:00', 'UTC'), minute + toIntervalHour(8))
SETTINGS index_granularity = 256, ttl_only_drop_parts = 1,
  non_replicated_deduplication_window = 100000, fsync_after_insert = 1, fsync_part_directory = 1,
  min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1, old_parts_lifetime = 480, merge_selector_base = 12;

CREATE MATERIALIZED VIEW IF NOT EXISTS live_by_minute_mv TO live_by_minute AS
SELECT customer_id, toStartOfMinute(timestamp) AS minute,
  arrayJoin(if(event_type = 'page_view' AND page_path != '', ['', page_path], [''])) AS page, is_bot, count() AS events,
  uniqCombinedStateIf(12)(visitor_id, visitor_id != '') AS visitors, max(timestamp) AS newest
FROM events_raw
WHERE timestamp >= now() - toIntervalHour(6)
GROUP BY customer_id, minute, page, is_bot;
