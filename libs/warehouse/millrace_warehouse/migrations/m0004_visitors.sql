-- An event without a visitor (of a server, or of somebody who does not want to be followed) is nobody: until here all of them
-- together counted as one visitor. Hours that are stored keep the number that they have, but for the last ones, which the migration
-- has computed anew.

ALTER TABLE events_by_minute_mv MODIFY QUERY
SELECT customer_id, toStartOfMinute(timestamp) AS minute, event_type, is_bot, count() AS events,
  uniqStateIf(visitor_id, visitor_id != '') AS visitors
FROM events_raw
GROUP BY customer_id, minute, event_type, is_bot;

ALTER TABLE events_by_hour_mv MODIFY QUERY
SELECT customer_id, toStartOfHour(timestamp) AS hour, event_type, is_bot, count() AS events,
  uniqStateIf(visitor_id, visitor_id != '') AS visitors
FROM events_raw
GROUP BY customer_id, hour, event_type, is_bot;

ALTER TABLE pages_by_minute_mv MODIFY QUERY
SELECT customer_id, toStartOfMinute(timestamp) AS minute, page_path, is_bot, count() AS views,
  uniqStateIf(visitor_id, visitor_id != '') AS visitors
FROM events_raw
WHERE event_type = 'page_view' AND page_path != ''
GROUP BY customer_id, minute, page_path, is_bot;

ALTER TABLE pages_by_hour_mv MODIFY QUERY
SELECT customer_id, toStartOfHour(timestamp) AS hour, page_path, is_bot, count() AS views,
  uniqStateIf(visitor_id, visitor_id != '') AS visitors
FROM events_raw
WHERE event_type = 'page_view' AND page_path != ''
GROUP BY customer_id, hour, page_path, is_bot;
