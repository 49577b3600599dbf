"""Views for people: what a statement may read beside the tables. They are no objects of the engine, which refuses PREWHERE on a
view: the gate puts each definition in the place of its name, and then scopes the tables that the definition reads.

A definition has no WITH, whose names would be the statement's as well, and each has ``customer_id``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from millrace_warehouse.linked_people import known, person_of

PAUSE_MINUTES: Final = 30
"""A session ends when nothing happens for longer than this,"""
LONGEST_HOURS: Final = 24
"""and one that never pauses is cut each time it has lasted so long."""

_LONGEST_MS: Final = LONGEST_HOURS * 3_600_000


@dataclass(frozen=True, slots=True)
class View:
    """One of them.

    Attributes:
        meaning: what a row is.
        sql: one SELECT over readable tables.
    """

    meaning: str
    sql: str


# By the rule of questions. The scalar has its name where it is first used, as there is no WITH.
_PEOPLE: Final = f"""
  SELECT e.*, {person_of("known", "e.").replace("known", f"({known()} AS known)", 1)} AS person_id
  FROM events_raw AS e
  WHERE e.visitor_id != '' OR e.user_id != ''
"""

_RUNS: Final = f"""
  SELECT *, min(timestamp) OVER (PARTITION BY person_id, run) AS run_began
  FROM (
    SELECT *, sum(begins) OVER (PARTITION BY person_id ORDER BY timestamp, event_id ROWS UNBOUNDED PRECEDING) AS run
    FROM (
      SELECT *, timestamp > lagInFrame(timestamp, 1, toDateTime64(0, 3, 'UTC')) OVER (
        PARTITION BY person_id ORDER BY timestamp, event_id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW
      ) + INTERVAL {PAUSE_MINUTES} MINUTE AS begins
      FROM ({_PEOPLE})
    )
  )
"""

_FIRST: Final = ("country", "language", "device", "browser", "os", "channel", "referrer_domain", "utm_source", "utm_medium",
                 "utm_campaign")  # fmt: skip


def _first(columns: tuple[str, ...], prefix: str = "") -> str:
    return ", ".join(f"argMinIf(e.{each}, e.timestamp, e.{each} != '') AS {prefix}{each}" for each in columns)


_SESSIONS: Final = f"""
SELECT
  e.customer_id AS customer_id, e.person_id AS person_id,
  argMinIf(e.visitor_id, e.timestamp, e.visitor_id != '') AS visitor_id,
  argMinIf(e.user_id, e.timestamp, e.user_id != '') AS user_id,
  argMinIf(e.session_id, e.timestamp, e.session_id != '') AS session_id,
  min(e.timestamp) AS started_at, max(e.timestamp) AS ended_at,
  dateDiff('millisecond', min(e.timestamp), max(e.timestamp)) / 1000 AS duration_seconds,
  count() AS events, countIf(e.event_type = 'page_view') AS page_views,
  argMinIf(e.page_path, e.timestamp, e.page_path != '') AS entry_page,
  argMaxIf(e.page_path, e.timestamp, e.page_path != '') AS exit_page,
  count() = 1 AS is_bounce, {_first(_FIRST)}, max(e.is_bot) AS is_bot
FROM ({_RUNS}) AS e
GROUP BY e.customer_id, e.person_id, e.run, intDiv(dateDiff('millisecond', e.run_began, e.timestamp), {_LONGEST_MS})
"""

_USERS: Final = f"""
SELECT
  e.customer_id AS customer_id, e.person_id AS person_id, max(e.user_id != '' OR e.person_id != e.visitor_id) AS is_identified,
  uniqExactIf(e.visitor_id, e.visitor_id != '') AS visitors,
  min(e.timestamp) AS first_seen_at, max(e.timestamp) AS last_seen_at, uniqExact(toDate(e.timestamp)) AS active_days,
  count() AS events, countIf(e.event_type = 'page_view') AS page_views,
  {_first(("channel", "referrer_domain", "utm_source", "utm_medium", "utm_campaign"), "first_")},
  argMaxIf(e.country, e.timestamp, e.country != '') AS country, argMaxIf(e.language, e.timestamp, e.language != '') AS language,
  argMaxIf(e.device, e.timestamp, e.device != '') AS device, argMaxIf(e.browser, e.timestamp, e.browser != '') AS browser,
  argMaxIf(e.os, e.timestamp, e.os != '') AS os,
  argMaxIf(e.properties, e.timestamp, e.event_type = 'identify') AS traits, max(e.is_bot) AS is_bot
FROM ({_PEOPLE}) AS e
GROUP BY e.customer_id, e.person_id
"""

_TYPES: Final = "'conversation_started', 'message', 'conversation_completed', 'feedback'"


def _property(name: str) -> str:
    return f"JSONExtractString(properties, '{name}')"


def _number(name: str) -> str:
    return f"JSONExtract(properties, '{name}', 'Nullable(Float64)')"


_CONVERSATIONS: Final = f"""
SELECT
  customer_id, conversation_id,
  argMinIf(bot, timestamp, bot != '') AS bot_id, argMinIf(spoken_on, timestamp, spoken_on != '') AS channel,
  argMaxIf(subject, timestamp, subject != '') AS topic,
  argMinIf(visitor_id, timestamp, visitor_id != '') AS visitor_id, argMinIf(user_id, timestamp, user_id != '') AS user_id,
  toDate(min(timestamp)) AS date, min(timestamp) AS started_at, max(timestamp) AS ended_at,
  countIf(event_type = 'conversation_completed') > 0 AS is_completed,
  if(is_completed, ifNull(argMaxIf(told, timestamp, event_type = 'conversation_completed'),
     dateDiff('millisecond', min(timestamp), max(timestamp)) / 1000), NULL) AS duration,
  countIf(event_type = 'message') AS messages,
  countIf(event_type = 'message' AND role = 'user') AS user_messages,
  countIf(event_type = 'message' AND role = 'bot') AS bot_messages,
  avgIf(took, event_type = 'message' AND role = 'bot') AS average_response_time_ms,
  countIf(event_type = 'message' AND fallback) AS fallbacks,
  argMaxIf(solved, timestamp, event_type = 'conversation_completed') AS resolved,
  argMaxIf(stars, timestamp, event_type = 'feedback') AS satisfaction
FROM (
  SELECT customer_id, event_type, timestamp, visitor_id, user_id, {_property("conversation_id")} AS conversation_id,
    {_property("bot_id")} AS bot, {_property("channel")} AS spoken_on, {_property("topic")} AS subject,
    {_property("role")} AS role,
    {_number("duration_seconds")} AS told, {_number("response_time_ms")} AS took, {_number("satisfaction")} AS stars,
    JSONExtract(properties, 'resolved', 'Nullable(Bool)') AS solved, JSONExtractBool(properties, 'fallback') AS fallback
  FROM events_raw
  WHERE event_type IN ({_TYPES})
)
WHERE conversation_id != ''
GROUP BY customer_id, conversation_id
"""

VIEWS: Final[Mapping[str, View]] = {
    "sessions": View(
        f"A visit of a person: it ends when nothing happens for more than {PAUSE_MINUTES} minutes, and is cut after "
        f"{LONGEST_HOURS} hours. Computed from all of the tenant's events whenever it is read.",
        _SESSIONS,
    ),
    "users": View(
        "A person: the user that a visitor is linked to, else user_id, else visitor_id, by the latest id that they were given. "
        "Computed from all of the tenant's events whenever it is read.",
        _USERS,
    ),
    "conversations": View(
        "A conversation with a bot, from events with a conversation_id. `duration` is in seconds, null until it is completed.",
        _CONVERSATIONS,
    ),
}
"""By name."""
