"""The one list of what can be measured, by what, and of what.

The API's description, the reference page and whoever reads plain language take names, units, formulas and other words for them
from here. Words are lower case, in the singular where both are said.
"""

from dataclasses import dataclass
from typing import Final

from millrace_warehouse.metrics.filters import AllOf, Comparison, Did, Filter, is_event
from millrace_warehouse.metrics.measures import Count, Formula, Measure, Number, Quantile, Unique
from millrace_warehouse.metrics.parts import FieldName, Kind
from millrace_warehouse.metrics.vocabulary import DIMENSIONS, EVENT_TYPES, Dimension, EventType

__all__ = ["DIMENSIONS", "EVENT_TYPES", "METRICS", "PURCHASES", "SEGMENTS", "Dimension", "EventType", "Metric", "Segment"]


@dataclass(frozen=True, slots=True)
class Metric:
    """Something to measure."""

    name: str
    label: str
    unit: str
    """``events``, ``people``, ``%``, ``currency`` (of the events, unconverted), ``ms``, ``s``, ``score``, or empty."""
    formula: str
    """In words."""
    measure: Measure
    synonyms: tuple[str, ...] = ()
    family: str = "web"
    """Whose events it is made of: ``web``, ``commerce``, ``product``, ``crawl``."""
    more_is_better: bool | None = True
    """None where neither is."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A filter with a name."""

    name: str
    label: str
    where: Filter
    synonyms: tuple[str, ...] = ()


PURCHASES: Final = ("purchase", "ticket_purchase", "order_completed")
"""Event types by which somebody buys."""

_bought: Final = is_event(*PURCHASES)


def _property(name: str, kind: Kind = "number") -> FieldName:
    return FieldName(name=f"properties.{name}", type=kind)


def _count(where: Filter | None = None) -> Count:
    return Count(measure="count", where=where)


def _share(part: Filter, of: Filter) -> Formula:
    return _percent(Count(measure="count", where=part), Count(measure="count", where=of))


def _percent(part: Count | Unique, whole: Count | Unique) -> Formula:
    return Formula(measure="formula", formula="100 * part / whole", parts={"part": part, "whole": whole}, unit="%")


def _per(amount: Count | Unique | Number, each: Count | Unique, unit: str) -> Formula:
    return Formula(measure="formula", formula="amount / each", parts={"amount": amount, "each": each}, unit=unit)


def _is(name: str, *, value: str | bool) -> Comparison:
    return Comparison(field=_property(name, "boolean" if isinstance(value, bool) else "text"), value=value)


def _with(*filters: Filter) -> Filter:
    return AllOf(all=filters)


_REVENUE: Final = Number(measure="sum", field=FieldName(name="order_value"), where=_bought)
_BUYERS: Final = Unique(measure="unique", of="person", where=_bought)
_PEOPLE: Final = Unique(measure="unique", of="person")
_VISITORS: Final = Unique(measure="unique", of="visitor")
_SESSIONS: Final = Unique(measure="unique", of="session")
_VIEWS: Final = _count(is_event("page_view"))
_MESSAGES: Final = is_event("message")
_ANSWERS: Final = _with(_MESSAGES, _is("role", value="bot"))
_COMPLETED: Final = is_event("conversation_completed")
_SCRAPED: Final = is_event("page_scraped")

_WEB: Final = (
    Metric("events", "Events", "events", "all events", _count(), ("event", "hit", "action", "activity", "traffic", "volume")),
    Metric(
        "page_views", "Page views", "events", "events of type page_view", _VIEWS, ("page view", "pageview", "view",
        "page hit", "page")
    ),
    Metric(
        "unique_visitors", "Unique visitors", "visitors", "different visitor_id", _VISITORS,
        ("visitor", "unique visitor", "unique", "browser", "device count"),
    ),
    Metric(
        "users", "Users", "users", "different user_id: who was signed in", Unique(measure="unique", of="user"),
        ("signed in user", "logged in user", "identified user", "known user", "account"),
    ),
    Metric(
        "people", "People", "people", "different people: the linked user of a visitor, else the user, else the visitor",
        _PEOPLE,
        ("person", "active user", "user", "unique user", "active people"),
    ),
    Metric(
        "sessions", "Sessions", "sessions", "different session_id, as clients count them", _SESSIONS, ("session", "visit")
    ),
    Metric(
        "events_per_session", "Events per session", "events", "events / sessions",
        _per(Count(measure="count", where=Comparison(field="session_id", operator="is_set")), _SESSIONS, "events"),
        ("event per session", "actions per visit", "session depth"),
    ),
    Metric(
        "views_per_visitor", "Page views per visitor", "events", "page views of visitors / visitors with one",
        _per(
            Count(measure="count", where=_with(is_event("page_view"), Comparison(field="visitor_id", operator="is_set"))),
            Unique(measure="unique", of="visitor", where=is_event("page_view")),
            "events",
        ),
        ("pages per visitor", "views per visitor", "page views per user"),
    ),
    Metric(
        "sessions_per_person", "Sessions per person", "sessions", "sessions / people", _per(_SESSIONS, _PEOPLE, "sessions"),
        ("sessions per user", "visits per user", "visit frequency"),
    ),
    Metric(
        "signups", "Signups", "events", "events of type signup", _count(is_event("signup")), ("signup", "sign up",
        "registration", "new account", "created account", "account creation"),
    ),
    Metric("logins", "Logins", "events", "events of type login", _count(is_event("login")), ("login", "log in", "sign in")),
    Metric(
        "clicks", "Clicks", "events", "events of type click or button_click", _count(is_event("click", "button_click")),
        ("click", "button click"),
    ),
    Metric("searches", "Searches", "events", "events of type search", _count(is_event("search")), ("search", "site search")),
)  # fmt: skip

_COMMERCE: Final = (
    Metric(
        "revenue", "Revenue", "currency", "sum of amount (else revenue, else value) of purchases", _REVENUE,
        ("sales", "turnover", "income", "money", "spend", "spending", "earnings", "gmv", "total amount"), "commerce",
    ),
    Metric(
        "purchases", "Purchases", "events", "events of type purchase, ticket_purchase or order_completed", _count(_bought),
        ("purchase", "order", "transaction", "sale", "buy", "sell"), "commerce",
    ),
    Metric(
        "tickets_sold", "Tickets sold", "tickets", "sum of quantity (1 where there is none) of ticket purchases",
        Number(measure="sum", field=FieldName(name="order_quantity"), where=is_event("ticket_purchase")),
        ("ticket", "tickets", "ticket sale"), "commerce",
    ),
    Metric(
        "items_sold", "Items sold", "items", "sum of quantity (1 where there is none) of purchases",
        Number(measure="sum", field=FieldName(name="order_quantity"), where=_bought), ("item", "unit sold", "quantity"),
        "commerce",
    ),
    Metric(
        "customers", "Customers", "people", "different people with a purchase", _BUYERS,
        ("customer", "buyer", "paying user", "paying visitor", "paying customer", "shopper"), "commerce",
    ),
    Metric(
        "average_order_value", "Average order value", "currency", "average amount of purchases that have one",
        Number(measure="avg", field=FieldName(name="order_value"), where=_bought),
        ("aov", "order value", "average basket", "basket size", "average purchase", "average sale"), "commerce",
    ),
    Metric(
        "median_order_value", "Median order value", "currency", "median amount of purchases that have one",
        Quantile(measure="median", field=FieldName(name="order_value"), where=_bought),
        ("median purchase", "median order", "median basket"), "commerce",
    ),
    Metric(
        "revenue_per_customer", "Revenue per customer", "currency", "revenue / customers", _per(_REVENUE, _BUYERS, "currency"),
        ("arppu", "revenue per buyer", "revenue per paying user", "revenue per paying visitor", "average spend"), "commerce",
    ),
    Metric(
        "revenue_per_person", "Revenue per person", "currency", "revenue / people", _per(_REVENUE, _PEOPLE, "currency"),
        ("arpu", "revenue per user", "revenue per visitor"), "commerce",
    ),
    Metric(
        "purchases_per_customer", "Purchases per customer", "events", "purchases / customers",
        _per(_count(_bought), _BUYERS, "events"), ("orders per customer", "purchase frequency"), "commerce",
    ),
    Metric(
        "conversion_rate", "Conversion rate", "%", "100 × customers / people", _percent(_BUYERS, _PEOPLE),
        ("conversion", "cvr", "purchase rate", "buying rate"), "commerce",
    ),
    Metric(
        "add_to_carts", "Added to cart", "events", "events of type add_to_cart", _count(is_event("add_to_cart")),
        ("add to cart", "cart addition", "cart add", "put in the cart", "put something in the cart", "cart", "added item",
        "add to basket", "put in the basket", "item in the cart", "cart event"), "commerce",
    ),
    Metric(
        "cart_abandons", "Abandoned carts", "events", "events of type cart_abandon", _count(is_event("cart_abandon")),
        ("abandoned cart", "cart abandonment", "cart abandon"), "commerce", more_is_better=False,
    ),
)  # fmt: skip

_PRODUCT: Final = (
    Metric(
        "conversations", "Conversations", "conversations", "events of type conversation_started",
        _count(is_event("conversation_started")), ("conversation", "chat", "dialogue"), "product",
    ),
    Metric(
        "completed_conversations", "Completed conversations", "conversations", "events of type conversation_completed",
        _count(_COMPLETED), ("completed conversation", "finished conversation"), "product",
    ),
    Metric(
        "messages", "Messages", "events", "events of type message", _count(_MESSAGES), ("message", "chat message"), "product",
    ),
    Metric(
        "conversation_duration", "Conversation duration", "s", "average duration_seconds of completed conversations",
        Number(measure="avg", field=_property("duration_seconds"), where=_COMPLETED),
        ("duration of conversation", "chat duration", "conversation length"), "product", more_is_better=None,
    ),
    Metric(
        "resolution_rate", "Resolution rate", "%", "100 × resolved / completed conversations",
        _share(_with(_COMPLETED, _is("resolved", value=True)), _COMPLETED), ("resolved share", "resolution",
        "solved rate"), "product",
    ),
    Metric(
        "satisfaction", "Satisfaction", "score", "average satisfaction (0 to 5) of feedback",
        Number(measure="avg", field=_property("satisfaction"), where=is_event("feedback")),
        ("satisfaction score", "csat", "rating", "feedback score"), "product",
    ),
    Metric(
        "response_time", "Response time", "ms", "average response_time_ms of the bot's messages",
        Number(measure="avg", field=_property("response_time_ms"), where=_ANSWERS),
        ("bot response time", "answer time", "latency of the bot"), "product", more_is_better=False,
    ),
    Metric(
        "fallback_rate", "Fallback rate", "%", "100 × messages of the bot that are a fallback / its messages",
        _share(_with(_ANSWERS, _is("fallback", value=True)), _ANSWERS),
        ("fallback", "unhandled rate", "not understood rate"), "product", more_is_better=False,
    ),
)  # fmt: skip

_CRAWL: Final = (
    Metric(
        "pages_scraped", "Pages scraped", "pages", "events of type page_scraped", _count(_SCRAPED), ("scraped page",
        "crawled page", "page crawled"), "crawl",
    ),
    Metric(
        "success_rate", "Success rate", "%", "100 × successful / all scraped pages",
        _share(_with(_SCRAPED, _is("status", value="success")), _SCRAPED), ("scrape success", "crawl success"), "crawl",
    ),
    Metric(
        "error_rate", "Error rate", "%", "100 − success rate",
        _share(_with(_SCRAPED, Comparison(field=_property("status", "text"), operator="ne", value="success")), _SCRAPED),
        ("scrape failure", "crawl error", "failure rate"), "crawl", more_is_better=False,
    ),
    Metric(
        "duplicate_rate", "Duplicate rate", "%", "100 × duplicates / all scraped pages",
        _share(_with(_SCRAPED, _is("duplicate", value=True)), _SCRAPED), ("duplicate share", "duplication"), "crawl",
        more_is_better=False,
    ),
    Metric(
        "quality_score", "Quality score", "score", "average quality_score (0 to 10) of scraped pages",
        Number(measure="avg", field=_property("quality_score"), where=_SCRAPED), ("content quality", "quality"), "crawl",
    ),
    Metric(
        "scrape_time", "Scrape time", "s", "average response_time of scraped pages",
        Number(measure="avg", field=_property("response_time"), where=_SCRAPED), ("scrape response time", "fetch time"),
        "crawl",
        more_is_better=False,
    ),
)  # fmt: skip

METRICS: Final = {metric.name: metric for metric in (*_WEB, *_COMMERCE, *_PRODUCT, *_CRAWL)}
"""By name."""


def _equal(name: str, *values: str) -> Comparison:
    field = FieldName(name=name)
    return (
        Comparison(field=field, value=values[0]) if len(values) == 1 else Comparison(field=field, operator="in", value=values)
    )


_SEGMENTS: Final = (
    Segment("mobile", "Mobile", _equal("device", "mobile"), ("mobile", "phone", "smartphone", "on mobile")),
    Segment("desktop", "Desktop", _equal("device", "desktop"), ("desktop", "computer", "on desktop")),
    Segment("tablet", "Tablet", _equal("device", "tablet"), ("tablet", "ipad", "on tablet")),
    Segment("organic", "Organic search", _equal("channel", "organic search"), ("organic", "organic search", "seo")),
    Segment(
        "paid", "Paid", Comparison(field="channel", operator="starts_with", value="paid"), ("paid", "paid traffic", "from ads"),
    ),
    Segment("direct", "Direct", _equal("channel", "direct"), ("direct", "direct traffic")),
    Segment("social", "Social", _equal("channel", "social"), ("social", "social media")),
    Segment("email", "Email", _equal("channel", "email"), ("email", "newsletter")),
    Segment("referral", "Referral", _equal("channel", "referral"), ("referral", "referred")),
    Segment("signed_in", "Signed in", Comparison(field="user_id", operator="is_set"), ("signed in", "logged in", "identified")),
    Segment(
        "anonymous", "Anonymous", Comparison(field="user_id", operator="is_not_set"), ("anonymous", "signed out",
        "not logged in", "not signed in", "people who were not signed in", "people who are not logged in"),
    ),
    Segment("buyers", "Buyers", Did(did=_bought), ("buyer", "paying customer")),
    Segment("non_buyers", "Who did not buy", Did(did=_bought, at_most=0), ("non buyer", "who did not buy")),
)  # fmt: skip

SEGMENTS: Final = {one.name: one for one in _SEGMENTS}
"""By name."""
