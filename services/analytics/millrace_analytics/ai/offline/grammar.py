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
BOTS: Final = "bots"
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
AGAIN: Final = "bought_again"
SAW: Final = "saw"
FEW_DAYS: Final = "different_periods"
LATEST: Final = "latest"
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
RATIO: Final = "ratio"
HOW_OFTEN: Final = "how_often"
RATE: Final = "rate"
OR_LESS: Final = "or_less"
BETWEEN: Final = "between"
OF_SESSIONS: Final = "of_sessions"
TIME_LIMIT: Final = "time_limit"
NTH: Final = "nth_period"
EACH_LATER: Final = "each_later"
DURATION: Final = "duration"
NEXT: Final = "what_next"
FILLER: Final = "filler"
STOP: Final = "stop"

_PHRASES: Final = """
by: by, per, across, grouped by, group by, broken down by, break down by, broken down per, split by, breakdown by,
  segmented by, for each, in each, of each, according to, depending on, for every, each, by each, among, broken out by,
  split up by, split per, separately for, separated by, grouped per, sliced by, within each, of every, in every, at each,
  from each, to each, on each, distributed across, distribution across, distribution by, distributed by, distributed over,
  breakdown per, divided by, split across, split between, broken down across, by different, per each
which: which, what kind of, which of the, which of our, what are the, which of, what are our, which kind of
how_many: how many, number of, count of, total number of, the number of, count, volume of, amount of,
  number of time, tally of, total count of, the count of, total number, how many time
ratio: ratio of, ratio between, ratio
how_often: how often, how frequently
unique: unique, distinct, different
top: top, most, highest, best, biggest, largest, most common, most popular, most frequent, leading, greatest, busiest,
  most often, most active, best selling, top selling, best performing, most used, most visited, most viewed, strongest,
  most frequently, highest number of, largest number of, greatest number of, biggest number of, most number of, most valuable,
  largest amount of, highest amount of, highest grossing, slowest, longest, most profitable, most successful,
  top performing, best converting, maximum number of, most expensive
bottom: bottom, least, lowest, worst, smallest, fewest, least common, least popular, rarest, quietest, least active,
  weakest, fewest number of, lowest number of, smallest number of, least number of, least used, least visited, least viewed,
  worst performing, worst selling, least often, least frequent, fastest, quickest, shortest, lowest amount of,
  worst converting, minimum number of, cheapest, least expensive
aggregate avg: average, mean, avg, on average, typical
aggregate median: median
aggregate sum: sum, sum of, summed, total amount of
aggregate max: maximum, max, peak
aggregate min: minimum, min
share: percentage, percent, share, proportion, fraction, what percentage, percentage of, percent of, share of, in percent,
    proportion of, fraction of, what share of, how much of, portion, portion of, per cent, pct, what part of, how big a
  share of,
  how large a share of, as a percentage, as a share, as percentage, percentage share, what portion of, relative share
compare: compare, versus, vs, compared to, compared with, comparison, against, comparison of, compare to, relative to,
  in comparison with, in comparison to, as opposed to, difference between, compared against, differ between
growth: how many more, how much more, how many fewer, how much less, growth, growth rate, grow, change, percent change,
  percentage change, increase, development, relative change,
  growth of, drop, decline, decrease, fall, shrink, rise, go up, go down, go up or down, up or down, increase or decrease,
  increase or decline, grow or shrink, rise or fall, drop by, fall by, rise by, grow by, increase by, decrease by, change by,
  percentage growth, percent growth, percentage increase, percentage drop, percentage decrease
running_total: running total, running total of, running count, running count of, running number of, cumulative number of,
  cumulative count of, cumulative count, accumulated, cumulative, cumulative total, cumulative sum, cumulated, running sum,
  cumulatively
not_only: not only the paying one, not just the paying one, not only the paying, not only buyer, not only customer
same_time: that same week, same week, that week, that same month, same month, that same day, same day, same period,
  that same period, that period, same time, same point, same part, same part of, same time period, same number of day,
  same date, same stretch, same span, same time frame, same hour, same days of, equivalent period, corresponding period,
  equivalent day, corresponding day
moving_average: moving average, rolling average, running average, moving mean, rolling mean
not: not, never, but did not, but never, but do not, but have not, without, except, excluding, exclude, other than,
  but not, no, did not, do not, have not, who did not, and not, not from, leave out, leaving out, ignore, ignoring, omit,
  omitting, not counting, apart from, not including, did not ever, have never, aside from, besides, outside of, non,
  filter out, filtering out, but no, had no, have no, with no, have not ever, all but, everything but, everyone but, minus,
  other than from, but without, not on, not using, not via, not in, not of
and: and, but, plus, as well as, along with, together with
or: or, either
order descending: highest first, descending, largest first, biggest first, most first, in descending order, desc, best
  first
order ascending: lowest first, ascending, smallest first, in ascending order, asc, fewest first, least first
order by: sorted by, ordered by, ranked by, order by, sort by, rank by, in terms of, measured by
above 1: more than, over, above, greater than, exceeding, larger than, higher than, bigger than, exceed, longer than,
  slower than, worth more than, worth over, costing more than, valued over, of more than, worth above, of over, surpassing,
  with more than, with over, exceeded
above 0: at least, no less than, minimum of, not less than, worth at least, of at least, with at least, upwards of,
  a minimum of
below 1: less than, fewer than, below, under, smaller than, lower than, cheaper than, shorter than, faster than, quicker than,
  worth less than, worth under, costing less than, of less than, with less than, with fewer than, of under
below 0: at most, no more than, not more than, up to, a maximum of, worth at most, of at most, with at most
exactly: exactly, precisely, equal to
or_more: or more, or more often, and more, or above, or over, or higher, or greater
or_less: or less, or fewer, or below, or under, or lower, or less often
times: times, time
who: who, that, whose, those who, anyone who, everyone who, everybody who
after: after, afterwards, following, before, later
then: then, to, into, followed by, and then, next, through to, leading to, lead to
since_then: since, since then, afterwards, after that, any more, anymore, later
active: active, still active, active again, still there, seen, been active, do anything, did anything, show up,
  had any activity, had activity, have been active
over_time: over time, develop, developed over time, change over time, trend, timeline, time series, trend of, evolution,
  development over time, evolve, trend over time, trend for, trended, trending, fluctuate, history of, as a time series
funnel: funnel, conversion funnel, conversion funnel for, conversion funnel from, funnel of, funnel for, drop off,
  dropoff, drop out, step by step conversion, funnel from, conversion from, convert from, go from, move from, went
  from, convert, conversion between, drop off between, drop off from, drop out between, funnel between, conversion step,
  funnel analysis, purchase funnel, sales funnel, lost between, lose between, conversion rate from, conversion rate between,
  turn into, converted into, convert to
retention: retention, cohort retention, retention table, retention rate, cohort, cohort table, cohort analysis, come
  back, return rate, retained, returning rate, retain, come again, return again, come back again, visit again
paths: path, sequence, event sequence, journey, user journey, user path, event path, sequence of event, flow, navigation
  path, user flow, step sequence, paths through
bounce: bounce rate, bounce, bouncing, bounced session, bounced visit, session that bounce, visit that bounce
first_seen: first seen, first visit, who joined, who first came, acquired, first active, new in, started in, who
  started, first came, arriving first, joined, who arrived
step: step
previous: than week before, than month before, than day before, than previous week, than previous month, than previous day,
    than a week earlier, previous period, period before, the period before, prior period, preceding period, time before,
  previous one,
  week before, month before, day before, same period before, the one before
previous year: previous year, year before, last year, a year ago, same period last year, year over year, year on year
new: new, first time, brand new, newly acquired
returning: returning, repeat, recurring, existing
bought_again: buy again, buy something again, order again, order something again, purchase again, come back and buy again,
  come back and order again, come back and purchase again, come back to buy again, come back to order again,
  come back to buy, come back to order, make another purchase, make another order, place another order,
  buy a second time, order a second time, purchase a second time, make a repeat purchase, make repeat purchase,
  place a second order, make a second purchase, buy once more, reorder, buy repeatedly, order repeatedly
different_periods day: on different day, different day, distinct day, separate day, calendar day, unique day
different_periods week: different week, distinct week, separate week
different_periods month: different month, distinct month, separate month
latest last: last, latest, most recent, newest, last ever, very last, most recently, recent
latest first: earliest, very first, first ever, oldest
stickiness: stickiness, sticky
lifecycle: lifecycle, life cycle, new returning resurrected dormant, resurrected, dormant, growth accounting
all_time: all time, ever, in total, overall, altogether, of all time, so far, to date, until now, in all, all together,
  at all
process: process, flow for, steps for
following_unit week: week after, week after that, following week, week following, next week, week thereafter, following 7 day
following_unit day: day after, day after that, following day, next day
each_later week: in each of the following week, each following week, following week by week,
  in each following week, each week after, in each later week, week after week, in every following week,
  each subsequent week, in each subsequent week, in the week that followed, each of the following week
each_later day: in each of the following day, each following day, in each following day,
  each subsequent day, in each subsequent day, each day after
each_later month: in each of the following month, each following month, in each following month, each subsequent month
session_length: session length, session duration, visit length, visit duration, length of session, duration of session,
  length of visit, duration of visit, time on site, time per session, time per visit, session time, visit time,
  length of a session, length of a visit, duration of a session, duration of a visit, session last, visit last,
  how long do visitor stay, how long do people stay, how long do user stay, how long do session last, how long do visit last,
  how long is a session, how long are session, how long is the session, how long do a session last, how long are visit,
    how long do a visit last, how long do visitor stay on the site, how long are our session, how long do people stay on
  the site, time spent on the site, time spent per visit, time spent per session, dwell time,
  length of the session, length of our session, duration of our session
of_sessions engagement_rate: engagement rate, engaged session rate, rate of engaged session
of_sessions bounce_rate: single event session, session with one event, session with a single event
of_sessions events_per_session: event of a session
in_seconds: in second, in sec
duration: time between, how long between, time from, how long from, time to, time elapsed between, how long until,
  how long do it take, how long do it take from, how long do it take to go from, how much time passes between,
  how long do people take from, how long do it take between, how long do it take to, delay between, time lag between,
  lag between, time that passes between, how much time between, how long do people take to, how long do people need to
what_next: what do people do, what do visitor do, what do user do, what happen, what come, next step, next event, what
  follow, which event follow, which event come, what event come, what event follow, what do customer do, what do they do,
  what event happen, what happen next, what do people do next, what do visitor do next, what do user do next
saw: open, read, browse, look at, land on, scroll through, take a look at, click through to, go to, arrive at
filler: come in, come from, end up, ended in, ended with, end in, end with, how well, wind up, account for, make up,
  right now, at the moment,
  in the data, as a whole, place an order, by the
  way, at a time, a lot,
  if any, in the system, in general, in the shop, in the store, on our site, on our website, on the website, in our shop,
  in our store, a list of, of them, on the platform
within: within a session, in a session, within one session, within session, in one session, during a session, in a
  visit, within a visit, inside a session
"""
"""Kind and detail, then the phrases; a line that is set in goes on."""

_BOTS: Final = ("bot", "crawler", "robot", "spider", "bot traffic", "crawler traffic", "bot and crawler")
_WITH_BOTS: Final = (
    "including", "including the", "including all", "including traffic from", "included", "with", "counting", "plus",
    "inclusive of", "incl",
)  # fmt: skip
_BOTS_ALONE: Final = (
    "from", "from the", "from all", "of", "of the", "only", "only from", "only of", "only by", "from only", "just", "just from",
    "come from", "be", "be from", "be by", "be cause by", "cause by", "be make by", "make by", "due to", "be due to",
    "generated by",
)  # fmt: skip
"""What bots count beside others, and what they alone."""

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
being been if generated during anyone anybody somebody someone individual actual actually provide fetch pull present
visualize visualise draw curious interested wondering quick quickly overview summary summarize summarise period attract
obtain land originate live based located belong drive deliver contribute achieve recorded record yet still ourselves
roughly approximately basically simply really very print output supply arrive exist observe placed place perform conducted
available numbers respective particular given certain issue getting gets makes whether include contain involve right
directly immediately straight attributed trigger differ vary everything using used percentile percentiles
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
    for detail, said in (("include", _WITH_BOTS), ("only", _BOTS_ALONE)):
        found |= {stems_of(f"{before} {bots}"): (BOTS, detail) for before in said for bots in _BOTS}
    found |= {stems_of(f"{bots} included"): (BOTS, "include") for bots in _BOTS}
    found |= {stems_of(f"{bots} {alone}"): (BOTS, "only") for bots in _BOTS for alone in ("only", "alone")}
    return found


def long_stops(letters: int) -> tuple[str, ...]:
    """Words of at least so many letters that say nothing by themselves."""
    return tuple(word for word in _STOPS if len(word) >= letters and word not in _MISLEADING)


def stop_stems() -> frozenset[str]:
    """Stems that say nothing by themselves."""
    return frozenset(stem for word in _STOPS if word not in _MISLEADING for stem in stems_of(word))
