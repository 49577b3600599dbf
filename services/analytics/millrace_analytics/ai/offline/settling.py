"""What the parts of a question about measures mean together, once all of them are read."""

from millrace_analytics.ai.offline.clock import bare_hours
from millrace_analytics.ai.offline.lexicon import DIMENSION, EVENT, METRIC, Sense
from millrace_analytics.ai.offline.slots import DIVISORS, PEOPLE, PERSON_DIMENSIONS, PURCHASES, NotUnderstood, Slots, events_of
from millrace_warehouse.metrics.catalogue import METRICS
from millrace_warehouse.metrics.measures import Number

_HOURS = 24


def settle(slots: Slots) -> None:
    """All of it.

    Raises:
        NotUnderstood: the parts do not fit together.
    """
    _settle_spending(slots)
    _settle_compared(slots)
    _settle_amounts(slots)
    _settle_actors(slots)
    _settle_whose(slots)
    _settle_ratio(slots)
    _settle_groups(slots)
    _settle_between(slots)
    _settle_limits(slots)
    settle_average(slots)
    settle_extreme(slots)
    settle_superlative(slots)


def _settle_amounts(slots: Slots) -> None:
    """``median purchase amount``: the amount is what is measured of a purchase, and nothing beside it."""
    amount = next((one for one in slots.measures if one.kind == DIMENSION and one.name == "order_value"), None)
    others = [one for one in slots.measures if one is not amount]
    if amount is not None and not others and slots.per == "purchases":
        slots.per, slots.aggregate = "", slots.aggregate or "avg"  # "average amount per purchase"
    if amount is None or len(others) != 1 or slots.joined or not _is_of_purchases(others[0]):
        return
    if slots.aggregate and others[0].name in ("purchases", "purchase", "revenue"):
        slots.measures[:] = [amount]
    elif others[0].name in ("purchases", "purchase"):
        slots.measures[:] = [Sense(METRIC, "revenue")]  # "purchase amount by country"
    else:
        slots.measures[:] = others


def _settle_spending(slots: Slots) -> None:
    """``average spend per order``: what is spent is revenue, for each of what is named."""
    if slots.per and [one.name for one in slots.measures] == ["revenue_per_customer"] and slots.measures[0].kind == METRIC:
        slots.measures[:] = [Sense(METRIC, "revenue")]


def _settle_compared(slots: Slots) -> None:
    """``mobile users spend versus desktop users``: whose it is, and what is compared."""
    if not slots.compare or len(slots.measures) != 2 or not (slots.values or slots.segments) or slots.counted:
        return
    who, what = slots.measures
    is_somebody = who.kind == METRIC and who.name in DIVISORS - {"sessions"}
    if is_somebody and what.kind == METRIC and what.name not in DIVISORS:
        slots.measures.pop(0)
        slots.joined = False


def _settle_actors(slots: Slots) -> None:
    """``what did German customers spend``: what they spent, and nothing about how many they are."""
    if (
        slots.having is not None
        or len(slots.measures) != 2
        or slots.joined
        or slots.counted
        or slots.aggregate
        or slots.per
        or slots.is_ranked
    ):
        return
    who, what = slots.measures
    is_amount = what.kind == METRIC and what.name == "revenue"
    if who.kind == METRIC and who.name in DIVISORS - {"sessions"} and is_amount:
        slots.measures.pop(0)


def _settle_whose(slots: Slots) -> None:
    """``how much revenue did visitors from France generate``: whoever does something is somebody."""
    if (
        len(slots.measures) != 2
        or slots.joined
        or slots.aggregate
        or slots.per
        or slots.compare
        or slots.share
        or slots.is_ratio
    ):
        return
    what, who = slots.measures
    anybody = ("unique_visitors", "people", "users", *(("customers",) if what.name in PURCHASES else ()))
    is_somebody = who.kind == METRIC and who.name in anybody and not slots.divisor
    if is_somebody and what.kind == METRIC and (what.name == "revenue" or events_of(what) is not None):
        slots.measures.pop()


def _settle_ratio(slots: Slots) -> None:
    """``ratio of signups to visitors``: the one for each of the other."""
    if not slots.is_ratio:
        return
    if len(slots.measures) != 2 or any(one.kind != METRIC for one in slots.measures) or slots.per:
        raise NotUnderstood("the ratio of what to what")
    slots.per, slots.joined = slots.measures.pop().name, False


def _is_of_purchases(sense: Sense) -> bool:
    return (sense.kind == METRIC and sense.name in PURCHASES) or (sense.kind == EVENT and sense.name == "purchase")


def _settle_between(slots: Slots) -> None:
    """``orders between 20 and 40``: what they were worth; ``clicks between 9 and 17``: hours."""
    if slots.between is None:
        return
    target, low, high = slots.between
    of_purchases = bool(slots.measures) and all(map(_is_of_purchases, slots.measures))
    if target is None and not of_purchases:
        if (hours := bare_hours(low, high)) is None:
            raise NotUnderstood(f"what lies between {low} and {high}")
        slots.values.append((hours,))
        return
    if target is None and high <= _HOURS:
        raise NotUnderstood(f"whether {low} and {high} are hours or amounts: write “{low}:00” or “worth at least {low}”")
    slots.numbers += [(target, "ge", low), (target, "le", high)]


def _settle_limits(slots: Slots) -> None:
    """``pages with more than 500 views``, ``days with more than 10 orders``: what is named first is what is listed."""
    if slots.having is None:
        if slots.listed_unit is not None:
            raise NotUnderstood(f"which {slots.listed_unit}s")
        return
    slots.is_how_many_keep = slots.counted
    if slots.listed_unit is not None:
        slots.grain = slots.listed_unit
        return
    _settle_visits(slots)
    named = [one for one in slots.measures if one.kind == DIMENSION]
    if slots.by or named or slots.listed is None:
        return
    slots.by.append(slots.listed)
    if len(slots.measures) > 1:
        slots.measures.pop(0)


def _settle_visits(slots: Slots) -> None:
    """``users who visited more than twice``: the sessions of each of them, of whom there is one each."""
    alone = slots.measures[0] if len(slots.measures) == 1 and not slots.by and slots.listed is not None else None
    if alone is None or alone.kind != METRIC or alone.name not in DIVISORS or alone.name == "sessions":
        return
    if not slots.visited:
        raise NotUnderstood("what the number is a limit of")
    slots.measures.append(Sense(METRIC, "sessions"))


def _settle_groups(slots: Slots) -> None:
    """Groups that a rank or an average is of in more than one way."""
    if slots.is_superlative and len(slots.by) > 1:
        raise NotUnderstood("the largest of each group: those of all groups together are known")
    if slots.grain == "hour" and any(one.name == "hour_of_day" for one in slots.by):
        slots.grain = None  # "at what time of day do people buy? orders by hour"
    is_by_time = any(one.name in ("hour_of_day", "day_of_week") for one in slots.by)
    if is_by_time and slots.aggregate == "avg" and [one.name for one in slots.measures] == ["revenue"]:
        raise NotUnderstood("the average of revenue by time: of orders, or of days")


def settle_average(slots: Slots) -> None:
    """``how many orders does a buyer place on average``: the one for each of the other. An average of what is divided already
    says nothing more."""
    if slots.how_often and not (_is_by_somebody(slots) and _divide_by_first(slots)):
        return
    if slots.aggregate != "avg":
        return
    if _is_of_each_person(slots):
        whose = "unique_visitors" if slots.by[0].name == "visitor_id" else "people"
        slots.per, slots.by[:] = "customers" if slots.is_by_customer else whose, []
    if not slots.per and slots.divisor and not slots.joined and len(slots.measures) == 2:
        slots.per = slots.divisor
        slots.measures.pop()
    elif _is_by_somebody(slots):
        _divide_by_first(slots)
    if slots.per:
        slots.aggregate = ""


def _is_of_each_person(slots: Slots) -> bool:
    """``how many purchases does each visitor make on average``."""
    is_alone = len(slots.by) == 1 and slots.by[0].name in PERSON_DIMENSIONS and len(slots.measures) == 1
    return is_alone and not slots.is_ranked and not slots.per and slots.measures[0].kind != DIMENSION


def _is_by_somebody(slots: Slots) -> bool:
    """Whether what is named first are people, and the second what they do (``how much does the average customer spend``)."""
    is_pair = len(slots.measures) == 2 and not slots.joined and slots.grain is None
    first = slots.measures[0] if is_pair else None
    return first is not None and first.kind == METRIC and first.name in DIVISORS and slots.measures[1].name not in DIVISORS


def _divide_by_first(slots: Slots) -> bool:
    """So much for each of them; what is divided already (``spend per order``) is divided by that alone."""
    first = slots.measures.pop(0)
    slots.per = slots.per or ("people" if first.name == "users" else first.name)
    slots.aggregate = "avg"
    return True


def settle_extreme(slots: Slots) -> None:
    """``maximum daily revenue``: the day with the most of it. The maximum of a sum is one of several sums, so it needs a unit.

    Raises:
        NotUnderstood: it has none.
    """
    if slots.aggregate not in ("max", "min") or len(slots.measures) != 1 or slots.measures[0].kind != METRIC:
        return
    measure = METRICS[slots.measures[0].name].measure
    if isinstance(measure, Number) and measure.measure != "sum":
        return  # the maximum of order values
    if slots.grain is None or slots.by or slots.is_ranked:
        raise NotUnderstood(f"the {slots.aggregate} of {slots.measures[0].name}: of which days or weeks")
    slots.which_unit, slots.grain, slots.single, slots.is_ranked = slots.grain, None, True, True
    slots.ascending, slots.aggregate = slots.aggregate == "min", ""


def settle_superlative(slots: Slots) -> None:
    """``the visitors who spent the most``: what is named first is listed; ``the biggest order``: its value."""
    if not slots.is_superlative or slots.which_unit is not None or not slots.measures:
        return
    if slots.by and not slots.is_biggest:
        return
    first, *rest = slots.measures
    if slots.by and (rest or slots.first_is_plural or first.name not in ("purchases", "purchase")):
        return
    listed = PEOPLE.get(first.name) if first.kind == METRIC else first.name if first.kind == DIMENSION else None
    if rest and listed is not None and first.detail != "number":
        slots.by.append(first if first.kind == DIMENSION else Sense(DIMENSION, listed, "text"))
        slots.measures[:] = rest
        slots.single = not slots.first_is_plural and slots.top is None
    elif not rest and first.name in ("purchases", "purchase") and not slots.first_is_plural and slots.top in (None, 1):
        slots.measures[:] = [Sense(METRIC, "revenue")]
        slots.aggregate = "min" if slots.ascending else "max"
        if not slots.is_rank_of_groups:  # "which visitor had the largest order" ranks visitors
            slots.is_ranked = slots.is_superlative = False
            slots.top = None
