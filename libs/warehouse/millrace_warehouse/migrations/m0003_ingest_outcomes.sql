-- What became of events that are not stored as they came: rejected, limited, duplicates, dead letters. A row has an id of its own and the
-- table keeps the last version of each, so that what is inserted or appended to the log twice counts once: read it with FINAL
-- (docs/adr/0018-outcomes.md). Rows of months before 2000 are the self-test's, and are dropped by it.

CREATE TABLE IF NOT EXISTS ingest_outcomes (
  customer_id LowCardinality(String),
  minute DateTime('UTC') CODEC(Delta, ZSTD(1)),
  outcome LowCardinality(String),
  reason LowCardinality(String),
  protocol LowCardinality(String),
  key_id LowCardinality(String),
  outcome_id String CODEC(ZSTD(1)),
  version UInt8 CODEC(ZSTD(1)),
  events UInt64 CODEC(ZSTD(1)),
  sample Array(String) CODEC(ZSTD(1)),
  last_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  _p UInt16 CODEC(ZSTD(1)),
  _o UInt64 CODEC(Delta, ZSTD(1)),
  _i UInt16 CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(minute)
ORDER BY (customer_id, minute, outcome, reason, protocol, key_id, outcome_id)
TTL if(minute < toDateTime('2000-01-01 00:00:00', 'UTC'), toDateTime('2100-01-01 00:00:00', 'UTC'), minute + toIntervalDay(30))
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1,
  min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1, old_parts_lifetime = 480;
