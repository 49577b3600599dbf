-- The events, the recent ids beside them, and the rollups that dashboards read.
-- Why each setting and codec stands here, with numbers: docs/adr/0004-engine-settings.md.

CREATE TABLE IF NOT EXISTS events_raw (
  customer_id LowCardinality(String),
  event_id UUID,
  event_type LowCardinality(String),
  event_name LowCardinality(String) DEFAULT event_type,
  timestamp DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  visitor_id String CODEC(ZSTD(1)),
  user_id String CODEC(ZSTD(1)),
  session_id String CODEC(ZSTD(1)),
  properties String DEFAULT '{}' CODEC(ZSTD(1)),
  props JSON MATERIALIZED CAST(if(isValidJSON(properties) AND JSONType(properties) = 'Object', properties, '{}'), 'JSON'),
  page_url String CODEC(ZSTD(1)),
  page_path String CODEC(ZSTD(1)),
  referrer String CODEC(ZSTD(1)),
  referrer_domain LowCardinality(String),
  channel LowCardinality(String),
  utm_source LowCardinality(String),
  utm_medium LowCardinality(String),
  utm_campaign LowCardinality(String),
  utm_term LowCardinality(String),
  utm_content LowCardinality(String),
  country LowCardinality(String),
  language LowCardinality(String),
  device LowCardinality(String),
  browser LowCardinality(String),
  os LowCardinality(String),
  is_bot Bool,
  ip String CODEC(ZSTD(1)),
  context String CODEC(ZSTD(1)),
  protocol LowCardinality(String),
  key_id LowCardinality(String),
  client_event_id String CODEC(ZSTD(1)),
  skew_ms Int64 CODEC(ZSTD(1)),
  received_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  ingested_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  _p UInt16 CODEC(ZSTD(1)),
  _o UInt64 CODEC(Delta, ZSTD(1)),
  _i UInt16 CODEC(Delta, ZSTD(1)),
  INDEX by_position _o TYPE minmax GRANULARITY 1,
  INDEX by_ingestion ingested_at TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(timestamp)
ORDER BY (customer_id, event_type, toStartOfHour(timestamp), visitor_id, event_id)
SETTINGS non_replicated_deduplication_window = 100000, fsync_after_insert = 1, fsync_part_directory = 1,
  min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1, old_parts_lifetime = 480, merge_selector_base = 12,
  min_bytes_for_wide_part = 268435456, min_rows_for_wide_part = 1000000;

CREATE TABLE IF NOT EXISTS event_ids (
  customer_id LowCardinality(String),
  event_id UUID,
  ingested_hour DateTime('UTC') CODEC(Delta, ZSTD(1)),
  _p UInt16 CODEC(ZSTD(1)),
  _o UInt64 CODEC(Delta, ZSTD(1)),
  _i UInt16 CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY ingested_hour
ORDER BY event_id
TTL ingested_hour + INTERVAL 49 HOUR
SETTINGS ttl_only_drop_parts = 1, index_granularity = 1024,
  non_replicated_deduplication_window = 100000, fsync_after_insert = 1, fsync_part_directory = 1,
  min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1, old_parts_lifetime = 480, merge_selector_base = 12,
  min_bytes_for_wide_part = 268435456, min_rows_for_wide_part = 10000000;

CREATE TABLE IF NOT EXISTS events_by_minute (
  customer_id LowCardinality(String),
  minute DateTime('UTC') CODEC(Delta, ZSTD(1)),
  event_type LowCardinality(String),
  is_bot Bool,
  events SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  visitors AggregateFunction(uniq, String) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(minute)
ORDER BY (customer_id, minute, event_type, is_bot)
SETTINGS non_replicated_deduplication_window = 100000, fsync_after_insert = 1, fsync_part_directory = 1,
  min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1, old_parts_lifetime = 480, merge_selector_base = 12;

CREATE TABLE IF NOT EXISTS events_by_hour (
  customer_id LowCardinality(String),
  hour DateTime('UTC') CODEC(Delta, ZSTD(1)),
  event_type LowCardinality(String),
  is_bot Bool,
  events SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  visitors AggregateFunction(uniq, String) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (customer_id, hour, event_type, is_bot)
SETTINGS non_replicated_deduplication_window = 100000, fsync_after_insert = 1, fsync_part_directory = 1,
  min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1, old_parts_lifetime = 480, merge_selector_base = 12;

CREATE TABLE IF NOT EXISTS pages_by_minute (
  customer_id LowCardinality(String),
  minute DateTime('UTC') CODEC(Delta, ZSTD(1)),
  page_path String CODEC(ZSTD(1)),
  is_bot Bool,
  views SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  visitors AggregateFunction(uniq, String) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(minute)
ORDER BY (customer_id, minute, page_path, is_bot)
SETTINGS non_replicated_deduplication_window = 100000, fsync_after_insert = 1, fsync_part_directory = 1,
  min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1, old_parts_lifetime = 480, merge_selector_base = 12;

CREATE TABLE IF NOT EXISTS pages_by_hour (
  customer_id LowCardinality(String),
  hour DateTime('UTC') CODEC(Delta, ZSTD(1)),
  page_path String CODEC(ZSTD(1)),
  is_bot Bool,
  views SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
  visitors AggregateFunction(uniq, String) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (customer_id, hour, page_path, is_bot)
SETTINGS non_replicated_deduplication_window = 100000, fsync_after_insert = 1, fsync_part_directory = 1,
  min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1, old_parts_lifetime = 480, merge_selector_base = 12;

-- Views come after every table that they fill: an insert never meets half of them.

CREATE MATERIALIZED VIEW IF NOT EXISTS event_ids_mv TO event_ids AS
SELECT customer_id, event_id, toStartOfHour(ingested_at) AS ingested_hour, _p, _o, _i
FROM events_raw;

CREATE MATERIALIZED VIEW IF NOT EXISTS events_by_minute_mv TO events_by_minute AS
SELECT customer_id, toStartOfMinute(timestamp) AS minute, event_type, is_bot, count() AS events, uniqState(visitor_id) AS visitors
FROM events_raw
GROUP BY customer_id, minute, event_type, is_bot;

CREATE MATERIALIZED VIEW IF NOT EXISTS events_by_hour_mv TO events_by_hour AS
SELECT customer_id, toStartOfHour(timestamp) AS hour, event_type, is_bot, count() AS events, uniqState(visitor_id) AS visitors
FROM events_raw
GROUP BY customer_id, hour, event_type, is_bot;

CREATE MATERIALIZED VIEW IF NOT EXISTS pages_by_minute_mv TO pages_by_minute AS
SELECT customer_id, toStartOfMinute(timestamp) AS minute, page_path, is_bot, count() AS views, uniqState(visitor_id) AS visitors
FROM events_raw
WHERE event_type = 'page_view' AND page_path != ''
GROUP BY customer_id, minute, page_path, is_bot;

CREATE MATERIALIZED VIEW IF NOT EXISTS pages_by_hour_mv TO pages_by_hour AS
SELECT customer_id, toStartOfHour(timestamp) AS hour, page_path, is_bot, count() AS views, uniqState(visitor_id) AS visitors
FROM events_raw
WHERE event_type = 'page_view' AND page_path != ''
GROUP BY customer_id, hour, page_path, is_bot;

-- Reads rows as events_raw does, computes its columns, stores nothing: which row of a refused block is at fault.

CREATE TABLE IF NOT EXISTS events_probe AS events_raw ENGINE = Null;
