-- Which visitors are known to be which user: what `identify` and `alias` events say. A row an event, so that a block inserted twice
-- changes nothing, and the latest by the event's own time holds, in whatever order they arrived (docs/adr/0015-protocols.md).

CREATE TABLE IF NOT EXISTS identity_links (
  customer_id LowCardinality(String),
  visitor_id String CODEC(ZSTD(1)),
  user_id String CODEC(ZSTD(1)),
  timestamp DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  event_id UUID,
  event_type LowCardinality(String)
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(timestamp)
ORDER BY (customer_id, visitor_id, timestamp, event_id)
SETTINGS non_replicated_deduplication_window = 100000, fsync_after_insert = 1, fsync_part_directory = 1,
  min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1, old_parts_lifetime = 480, merge_selector_base = 12;

CREATE MATERIALIZED VIEW IF NOT EXISTS identity_links_mv TO identity_links AS
SELECT customer_id, visitor_id, user_id, timestamp, event_id, event_type
FROM events_raw
WHERE event_type IN ('identify', 'alias') AND visitor_id != '' AND user_id != '' AND visitor_id != user_id;

-- What was stored before the view stood.

INSERT INTO identity_links (customer_id, visitor_id, user_id, timestamp, event_id, event_type)
SELECT customer_id, visitor_id, user_id, timestamp, event_id, event_type
FROM events_raw
WHERE event_type IN ('identify', 'alias') AND visitor_id != '' AND user_id != '' AND visitor_id != user_id;
