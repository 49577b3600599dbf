"""The words that make a question of names: what groups, orders, compares and negates. Stems stand behind ``words.stem_of``."""

from typing import Final

from millrace_analytics.ai.offline.words import stems_of

BY: Final = "by"
WHICH: Final = "which"
HOW_MANY: Final = "how_many"
UNIQUE: Final = "unique"
TOP: Final = "top"
BOTTOM: Final = "bottom"
AGGREGATE: Final = "aggregate"
SHARE: Final = "share"
COMPARE: Final = "compare"
GROWTH: Final = "growth"
MOVING: Final = "moving_average"
NOT: Final = "not"
AND: Final = "and"
OR: Final = "or"
ORDER: Final = "order"
ABOVE: Final = "above"
BELOW: Final = "below"
EXACTLY: Final = "exactly"
OR_MORE: Final = "or_more"
TIMES: Final = "times"
WHO: Final = "who"
AFTER: Final = "after"
THEN: Final = "then"
RUNNING: Final = "running_total"
ONLY_TOO: Final = "not_only"
SAME: Final = "same_time"
SINCE: Final = "since_then"
ACTIVE: Final = "active"
OVER_TIME: Final = "over_time"
FUNNEL: Final = "funnel"
RETENTION: Final = "retention"
PATHS: Final = "paths"
BOUNCE: Final = "bounce"
FIRST_SEEN: Final = "first_seen"
STEP: Final = "step"
PREVIOUS: Final = "previous"
NEW: Final = "new"
RETURNING: Final = "returning"
STICKINESS: Final = "stickiness"
LIFECYCLE: Final = "lifecycle"
ALL_TIME: Final = "all_time"
PROCESS: Final = "process"
WITHIN: Final = "within"
WINDOW: Final = "window"
FOLLOWING: Final = "following_unit"
SESSION_LENGTH: Final = "session_length"
IN_SECONDS: Final = "in_seconds"
STOP: Final = "stop"

_PHRASES: Final = """
by: by, per, across, grouped by, group by, broken down by, break down by, broken down per, split by, breakdown by,
  segmented by, for each, in each, of each, according to, depending on, for every, each, by each, among
which: which, what kind of, which of the, which of our, what are the
how_many: how many, number of, count of, how often, total number of, the number of, count, volume of, amount of
unique: unique, distinct, different
top: top, most, highest, best, biggest, largest, most common, most popular, most frequent, leading, greatest, busiest,
  most often, most active, best selling, top selling, best performing, most used, most visited, most viewed
bottom: bottom, least, lowest, worst, smallest, fewest, least common, least popular, rarest, quietest, least active
aggregate avg: average, mean, avg, on average, typical
aggregate median: median
aggregate sum: sum, sum of, summed, total amount of
aggregate max: maximum, max, peak
aggregate min: minimum, min
share: percentage, percent, share, proportion, fraction, what percentage, percentage of, percent of, share of, in percent,
  proportion of, fraction of, what share of, how much of
compare: compare, versus, vs, compared to, compared with, comparison, against, comparison of, compare to, relative to,
  in comparison with, in comparison to
growth: growth, growth rate, grow, change, percent change, percentage change, increase, development, relative change,
  growth of
running_total: running total, running total of, cumulative, cumulative total, cumulative sum, cumulated, running sum,
  cumulatively
not_only: not only the paying one, not just the paying one, not only the paying, not only buyer, not only customer
same_time: that same week, same week, that week, that same month, same month, that same day, same day, same period,
  that same period, that period
moving_average: moving average, rolling average, running average, moving mean, rolling mean
not: not, never, but did not, but never, but do not, but have not, without, except, excluding, exclude, other than,
  but not, no, did not, do not, have not, who did not, and not, not from, leave out, leaving out, ignore, ignoring, omit,
  omitting, not counting, apart from, not including, did not ever, have never
and: and, but, plus, as well as, along with, together with
or: or, either
order descending: highest first, descending, largest first, biggest first, most first, in descending order, desc, best
  first
order ascending: lowest first, ascending, smallest first, in ascending order, asc, fewest first, least first
order by: sorted by, ordered by, ranked by, order by, sort by, rank by, in terms of, measured by
above 1: more than, over, above, greater than, exceeding, larger than, higher than, bigger than, exceed, longer than,
slower than
above 0: at least, no less than, minimum of, not less than
below 1: less than, fewer than, below, under, smaller than, lower than, cheaper than, shorter than, faster than, quicker than
below 0: at most, no more than, not more than, up to
exactly: exactly, precisely
or_more: or more, or more often, and more
times: times, time
who: who, that, whose
after: after, afterwards, following, before, later
then: then, to, into, followed by, and then, next, through to, leading to, lead to
since_then: since, since then, afterwards, after that, any more, anymore, later
active: active, still active, active again, still there, seen, been active, do anything, did anything, show up,
  had any activity, had activity
over_time: over time, develop, developed over time, change over time, trend, timeline, time series, trend of, evolution,
  development over time, evolve, trend over time, trend for
funnel: funnel, conversion funnel, conversion funnel for, conversion funnel from, funnel of, funnel for, drop off,
  dropoff, drop out, step by step conversion, funnel from, conversion from, convert from, go from, move from, went
  from, convert, conversion between
retention: retention, cohort retention, retention table, retention rate, cohort, cohort table, cohort analysis, come
  back, return rate, retained, returning rate, retain
paths: path, sequence, event sequence, journey, user journey, user path, event path, sequence of event, flow, navigation
  path, user flow, step sequence, paths through
bounce: bounce rate, bounce, bouncing, bounced session, bounced visit, session that bounce, visit that bounce
first_seen: first seen, first visit, who joined, who first came, acquired, first active, new in, started in, who
  started, first came, arriving first, joined, who arrived
step: step
previous: previous period, period before, the period before, prior period, preceding period, time before, previous one,
  week before, month before, day before, same period before, the one before
previous year: previous year, year before, last year, a year ago, same period last year, year over year, year on year
new: new, first time, brand new
returning: returning, repeat, recurring
stickiness: stickiness, sticky
lifecycle: lifecycle, life cycle, new returning resurrected dormant, resurrected, dormant, growth accounting
all_time: all time, ever, in total, overall, altogether, of all time, so far, to date, until now, in all, all together,
  at all
process: process, flow for, steps for
following_unit week: week after, week after that, following week, week following, next week, week thereafter
following_unit day: day after, day after that, following day, next day
session_length: session length, session duration, visit length, visit duration, length of session, duration of session,
  length of visit, duration of visit, time on site, time per session, time per visit, session time, visit time,
  length of a session, length of a visit, duration of a session, duration of a visit
in_seconds: in second, in sec
within: within a session, in a session, within one session, within session, in one session, during a session, in a
  visit, within a visit, inside a session
"""
"""Kind and detail, then the phrases; a line that is set in goes on."""

_STOPS: Final = """
a an the of in on at for from with we our us i me my you your show give list tell find get see display let do is be
have there it its this these those please can could would like want know need about what whats how much did their they
them breakdown split broken all whole entire data overall make come via through use happen occur track receive value
as look break down figure report table chart graph plot info information detail result each also just only exactly
current currently now total number say describe explain up were where when into out per so than then own everyone
anybody one ones any some altogether between go tracked collected came does has registered logged across stat
statistic kpi metric count amount level calculate compute determine check try time sort rank order first respectively
site website app shop store platform business company happened occurred took place taken performed done fired send
sent every question answer something anything address carry carried tag reach again i d ok hey hi hello thanks thank thx
cheers kindly would love wonder bring brought kinds kind sorts types hit had gotten made
being been if generated during
""".split()

_MISLEADING: Final = frozenset(
    {"first", "per", "then", "than", "by", "time", "between", "if", "when", "each", "hit", "across", "every"}
)
"""Words of other lists, that may not be passed over where they stand alone."""


def phrases() -> dict[tuple[str, ...], tuple[str, str]]:
    """Kind and detail of each phrase, by its stems."""
    found: dict[tuple[str, ...], tuple[str, str]] = {}
    for line in _PHRASES.replace("\n  ", " ").strip().splitlines():
        head, _, listed = line.partition(": ")
        kind, _, detail = head.partition(" ")
        for phrase in listed.split(","):
            found.setdefault(stems_of(phrase.strip()), (kind, detail))
    return found


def long_stops(letters: int) -> tuple[str, ...]:
    """Words of at least so many letters that say nothing by themselves."""
    return tuple(word for word in _STOPS if len(word) >= letters and word not in _MISLEADING)


def stop_stems() -> frozenset[str]:
    """Stems that say nothing by themselves."""
    return frozenset(stem for word in _STOPS if word not in _MISLEADING for stem in stems_of(word))
