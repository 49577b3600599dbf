"""What events say: the fields to group and filter by, and the event types with a meaning that the platform knows."""

from dataclasses import dataclass
from typing import Final

from millrace_warehouse.metrics.parts import Kind


@dataclass(frozen=True, slots=True)
class Dimension:
    """A field of events to group and filter by."""

    name: str
    label: str
    kind: Kind
    description: str
    synonyms: tuple[str, ...] = ()
    properties: tuple[str, ...] = ()
    """Properties that stand for it, the first one that is filled: behind the column of this name where there is one."""
    is_column: bool = True


@dataclass(frozen=True, slots=True)
class EventType:
    """An event type with a meaning that the platform knows. Any other is stored and counted too."""

    name: str
    label: str
    description: str
    synonyms: tuple[str, ...] = ()
    properties: tuple[tuple[str, Kind], ...] = ()


def listed(text: str) -> tuple[str, ...]:
    """The words of a list."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _column(name: str, label: str, kind: Kind, description: str, synonyms: str, *, also: bool = False) -> Dimension:
    """A column; where ``also``, the property of the same name stands for it where it is empty."""
    return Dimension(name, label, kind, description, listed(synonyms), (name,) if also else ())


def _computed(name: str, label: str, kind: Kind, description: str, synonyms: str, *, of: str = "") -> Dimension:
    return Dimension(name, label, kind, description, listed(synonyms), tuple(of.split()), is_column=False)


_DIMENSIONS: Final = (
    _column("event_type", "Event type", "text", "what happened", "event, type, event types, kind of event"),
    _column("event_name", "Event name", "text", "a finer name; the type where none was sent", "name of event"),
    _column("timestamp", "Time", "time", "when it happened", "when, date"),
    _column("visitor_id", "Visitor", "text", "a browser or device", "visitor, visitor id"),
    _column("user_id", "User", "text", "who was signed in", "user, user id"),
    _column("session_id", "Session", "text", "the visit, as the client counts it", "session, visit"),
    _column("page_url", "Page address", "text", "the page's whole address", "url"),
    _column("page_path", "Page", "text", "the page's path", "page, path, page path"),
    _column("referrer", "Referrer address", "text", "the referrer's whole address", "referrer url"),
    _column("referrer_domain", "Referrer", "text", "the referrer's host", "referrer, referring site, referring domain"),
    _column(
        "channel", "Channel", "text", "how the visitor came: paid search, organic search, social, email, referral, direct, …",
        "traffic source, acquisition channel, source of traffic", also=True,
    ),
    _column("utm_source", "Campaign source", "text", "of the campaign that led here", "source, utm source", also=True),
    _column("utm_medium", "Campaign medium", "text", "likewise", "medium, utm medium", also=True),
    _column("utm_campaign", "Campaign", "text", "likewise", "campaign, utm campaign", also=True),
    _column("utm_term", "Campaign term", "text", "likewise", "term, keyword", also=True),
    _column("utm_content", "Campaign content", "text", "likewise", "utm content, ad", also=True),
    _column("country", "Country", "text", "ISO 3166-1, two letters", "nation, geography, location", also=True),
    _column("language", "Language", "text", "a tag of BCP 47", "locale", also=True),
    _column("device", "Device", "text", "desktop, mobile, tablet, tv", "device type, platform", also=True),
    _column("browser", "Browser", "text", "by the user agent", "browser name", also=True),
    _column("os", "Operating system", "text", "by the user agent", "operating system", also=True),
    _column("is_bot", "Bot", "boolean", "the user agent is a bot's", "bot, crawler, robot"),
    _column("ip", "Network", "text", "the client's network, cut to /24 or /48", "network, ip address"),
    _column("protocol", "Way in", "text", "by which protocol it came; native is /track", "sdk, integration"),
    _column("skew_ms", "Clock skew", "number", "how wrong the client's clock may be, in milliseconds", "clock skew"),
    _column("received_at", "Received at", "time", "the time of arrival", "arrival"),
    _computed(
        "person", "Person", "text", "the linked user of the visitor, else the user, else the visitor",
        "person, customer",
    ),
    _computed(
        "hour_of_day", "Hour of day", "number", "0 to 23, in the question's time zone",
        "hour of the day, time of day, hour",
    ),
    _computed(
        "day_of_week", "Day of week", "number", "1 is Monday, 7 Sunday, in the question's time zone",
        "weekday, day of the week",
    ),
    _computed(
        "order_value", "Order value", "number", "amount, else revenue, else value",
        "amount, price paid, purchase value, transaction value, basket value, order size", of="amount revenue value",
    ),
    _computed("order_quantity", "Quantity", "number", "quantity, 1 where there is none", "quantity", of="quantity"),
)  # fmt: skip

DIMENSIONS: Final = {one.name: one for one in _DIMENSIONS}
"""By name. Beside them every property is one: ``properties.`` and its path."""

_MARKS: Final[dict[str, Kind]] = {"#": "number", "?": "boolean"}


def _event(name: str, label: str, description: str, synonyms: str, properties: str = "") -> EventType:
    """Properties by name: with ``#`` they are numbers, with ``?`` true or false, else text."""
    marked = tuple((word.rstrip("#?"), _MARKS.get(word[-1], "text")) for word in properties.split())
    return EventType(name, label, description, listed(synonyms), marked)


_EVENT_TYPES: Final = (
    _event(
        "page_view", "Page view", "a page was shown", "page view, pageview, view a page, visit a page",
        "page title url referrer",
    ),
    _event("session_start", "Session start", "a visit began", "session start, start a session"),
    _event("identify", "Identified", "a visitor became a known user", "identify, identification"),
    _event(
        "signup", "Signup", "somebody made an account",
        "sign up, signup, register, registration, create an account, open an account",
    ),
    _event("user_registered", "User registered", "somebody made an account", "user registered"),
    _event("login", "Login", "somebody signed in", "log in, login, sign in"),
    _event("button_click", "Button click", "a button was clicked", "button click, click a button", "button_id"),
    _event("click", "Click", "something was clicked", "click"),
    _event("form_submit", "Form sent", "a form was sent", "form submit, submit a form, form submission", "form"),
    _event("search", "Search", "somebody searched", "search", "query results#"),
    _event("product_view", "Product view", "a product was looked at", "product view, view a product", "sku category price#"),
    _event(
        "add_to_cart", "Added to cart", "something was put into the cart",
        "add to cart, cart add, put in the cart, put something in the cart",
        "sku category price# quantity#",
    ),
    _event("checkout", "Checkout", "a checkout was begun", "checkout, check out, begin checkout", "amount# items#"),
    _event("cart_abandon", "Abandoned cart", "a cart was left", "abandon cart, cart abandon, abandon a cart", "amount#"),
    _event("purchase", "Purchase", "somebody bought", "purchase, buy, order, pay", "amount# currency order_id quantity#"),
    _event(
        "ticket_purchase", "Ticket purchase", "somebody bought a ticket", "ticket purchase, buy a ticket",
        "amount# currency ticket_id quantity#",
    ),
    _event(
        "order_completed", "Order completed", "an order was completed", "order completed, complete an order",
        "amount# currency order_id",
    ),
    _event(
        "conversation_started", "Conversation started", "a conversation with a bot began",
        "conversation started, start a conversation, start a chat",
        "conversation_id bot_id channel topic",
    ),
    _event(
        "message", "Message", "a message of a user or a bot", "message, send a message",
        "conversation_id bot_id role response_time_ms# fallback?",
    ),
    _event(
        "conversation_completed", "Conversation completed", "a conversation ended",
        "conversation completed, complete a conversation, end a chat",
        "conversation_id bot_id duration_seconds# resolved? topic",
    ),
    _event(
        "feedback", "Feedback", "somebody rated a conversation", "feedback, rate, give feedback",
        "conversation_id satisfaction#",
    ),
    _event(
        "page_scraped", "Page scraped", "a crawler fetched a page", "page scraped, scrape, crawl",
        "project_id domain url status error_type response_time# content_bytes# quality_score# duplicate?",
    ),
    _event(
        "scrape_job", "Scrape job", "a crawl's progress", "scrape job, crawl job",
        "project_id domain job_id state pages_completed# pages_total#",
    ),
)  # fmt: skip

EVENT_TYPES: Final = {one.name: one for one in _EVENT_TYPES}
"""By name."""
