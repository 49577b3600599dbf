"""What words may mean: the metric layer's catalogue, a tenant's own names and values, and the grammar. One phrase may have
several senses; its neighbours decide."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from millrace_analytics.ai.offline import grammar
from millrace_analytics.ai.offline.countries import countries
from millrace_analytics.ai.offline.words import stems_of
from millrace_analytics.ai.ports import Property, Vocabulary
from millrace_warehouse.metrics.catalogue import METRICS, SEGMENTS
from millrace_warehouse.metrics.filters import AnyOf, Comparison, Filter
from millrace_warehouse.metrics.vocabulary import DIMENSIONS, EVENT_TYPES

METRIC: Final = "metric"
DIMENSION: Final = "dimension"
EVENT: Final = "event"
SEGMENT: Final = "segment"
VALUE: Final = "value"

LONGEST_PHRASE: Final = 7
_LONGEST_NAME: Final = 100
"""Of what somebody sent: nobody asks for longer ones in words."""
_RATED: Final = ("signups", "logins", "searches", "add_to_carts")
"""What has a rate: the share of people who do it."""
_FROM_HOME: Final = ("homepage", "home page", "front page", "home", "start page")
_CURRENCIES: Final = {
    "USD": ("dollar", "us dollar"), "EUR": ("euro",), "GBP": ("pound", "pound sterling"), "JPY": ("yen",),
    "CHF": ("franc", "swiss franc"), "INR": ("rupee",),
}  # fmt: skip
_MADE_ACCOUNTS: Final = (
    *(f"{said} {done}" for said in ("account", "account be", "account get", "new account", "new account be", "new account get")
      for done in ("create", "open", "register", "make")),
    "make an account", "set up an account", "open a new account", "create a new account", "register an account",
    "create account", "new registration", "new signup", "new sign up",
)  # fmt: skip
"""``how many accounts were created``."""
_ALIASES: Final = {
    "sku": ("product", "article"), "plan": ("subscription plan", "subscription", "pricing plan"),
    "category": ("product category", "category of product", "item category"),
    "payment": ("payment method", "method of payment", "payment type"), "coupon": ("coupon code",),
}  # fmt: skip
"""What everybody calls properties that many have, where nothing else is called so."""
_MILLIS_OF: Final = {"ms": 1, "millisecond": 1, "milliseconds": 1, "second": 1_000, "seconds": 1_000, "sec": 1_000}
_UNITS_OF_TIME: Final = {"ms": "time", "millisecond": "time", "second": "time", "sec": "time"}


@dataclass(frozen=True, slots=True)
class Sense:
    """One meaning of a phrase."""

    kind: str
    name: str
    """Of the metric, dimension, event type, segment or dimension of the value; of grammar its detail."""
    detail: Any = None
    """Of a value its filter; of a dimension the kind of its values."""
    label: str = ""
    """What it is called where several stand beside each other, and its name does not say it."""


Senses = dict[tuple[str, ...], list[Sense]]


class Lexicon:
    """Senses by phrase, for one tenant's vocabulary."""

    def __init__(self, known: Vocabulary) -> None:
        self.senses: Senses = defaultdict(list)
        self.stops: Final = grammar.stop_stems()
        for stems, (kind, detail) in grammar.phrases().items():
            self.senses[stems].append(Sense(kind, detail))
        self._grammar = frozenset(self.senses)
        self.country_codes: set[str] = set()
        """Those that the tenant has."""
        self.timed: dict[str, int] = {}
        """Properties that are lengths of time, and the milliseconds of their unit."""
        self._catalogue()
        self._tenant(known)
        self._prefer_what_was_sent(known)
        self.words: Final = frozenset(stem for phrase in self.senses for stem in phrase) - self.stops
        """What a slip of the pen may have been. A word that says nothing is none: what is taken for one is passed over."""

    def _prefer_what_was_sent(self, known: Vocabulary) -> None:
        """``checkout`` is the page of that name where the tenant has no such event."""
        for senses in self.senses.values() if known.event_types else ():
            if any(one.kind == VALUE for one in senses):
                senses[:] = [one for one in senses if one.kind != EVENT or one.name in known.event_types]

    def _add(self, phrases: Iterable[str], sense: Sense) -> None:
        for phrase in phrases:
            stems = stems_of(phrase)
            if 0 < len(stems) <= LONGEST_PHRASE and sense not in self.senses[stems]:
                self.senses[stems].append(sense)

    def _add_sent(self, phrases: Iterable[str], sense: Sense) -> None:
        """Names that somebody sent: they take no word's place that the grammar has, and none that says nothing."""
        for phrase in phrases:
            stems = stems_of(phrase) if len(phrase) <= _LONGEST_NAME else ()
            if stems and stems not in self._grammar and not all(stem in self.stops or len(stem) < 2 for stem in stems):
                self._add([phrase], sense)

    def _catalogue(self) -> None:
        for metric in METRICS.values():
            self._add((metric.name, metric.label, *metric.synonyms), Sense(METRIC, metric.name))
        self._add(_MADE_ACCOUNTS, Sense(METRIC, "signups"))
        for name in _RATED:
            of = (METRICS[name].label, *METRICS[name].synonyms)
            self._add((f"{one} {rate}" for one in of for rate in ("rate", "conversion rate")), Sense(METRIC, name, "rate"))
        for one in DIMENSIONS.values():  # what people say comes before what a column is called
            self._add((one.label, *one.synonyms), Sense(DIMENSION, one.name, one.kind))
        for one in DIMENSIONS.values():
            self._add([one.name], Sense(DIMENSION, one.name, one.kind))
        for event in EVENT_TYPES.values():
            self._add((event.name, event.label, *event.synonyms), Sense(EVENT, event.name))
        for segment in SEGMENTS.values():
            self._add((segment.label, *segment.synonyms), Sense(SEGMENT, segment.name))
            if isinstance(segment.where, Comparison) and segment.where.field.name == "device":
                self._add(segment.synonyms, Sense(VALUE, "device", segment.where))  # "on mobile vs desktop"
        for code, names in countries().items():
            where = Comparison(field="country", value=code)
            self._add((name for name in names if name not in ("US", "states")), Sense(VALUE, "country", where))

    def _tenant(self, known: Vocabulary) -> None:
        for name in known.event_types:
            self._add_sent([name], Sense(EVENT, name))
        standing = {stems_of(name) for name in known.event_types}
        for name in (name for name in known.event_names if len(name) <= _LONGEST_NAME):
            if stems_of(name) not in standing:
                self._add_sent([name], Sense(VALUE, "event_name", Comparison(field="event_name", value=name)))
        columns = {name for one in DIMENSIONS.values() for name in (one.name, *one.properties)}
        for one in known.properties:
            if one.name not in columns and len(one.name) <= _LONGEST_NAME:
                field = f"properties.{one.name}"
                self._add_sent(_called(one.name), Sense(DIMENSION, field, one.kind))
                self._time(one)
                self._values(field, one.values)
                self._currencies(field, one.values if one.name == "currency" else ())
        self._aliases(known)
        for name, values in known.values.items():
            if name == "page_path":
                self._pages(values)
            elif name == "referrer_domain":
                self._hosts(values)
            elif name not in ("event_type", "event_name"):
                self._values(name, values)
        self._written(known)

    def _aliases(self, known: Vocabulary) -> None:
        for one in known.properties:
            called = [name for name in _ALIASES.get(one.name.lower(), ()) if not self._is_field(name)]
            self._add_sent(called, Sense(DIMENSION, f"properties.{one.name}", one.kind))

    def _is_field(self, called: str) -> bool:
        return any(one.kind == DIMENSION for one in self.senses.get(stems_of(called), ()))

    def _time(self, one: Property) -> None:
        name, _, unit = one.name.lower().rpartition("_")
        if name and one.kind == "number" and (millis := _MILLIS_OF.get(unit)) is not None:
            self.timed[one.name] = millis

    def _written(self, known: Vocabulary) -> None:
        """What a tenant calls its events, properties and segments."""
        of_properties = {path: one for one in DIMENSIONS.values() for path in one.properties if one.is_column}
        kinds = {one.name: one.kind for one in known.properties}
        for written in known.written.descriptions:
            words, name = (written.label, *written.synonyms), written.name
            if written.kind == "event":
                self._add_sent(words, Sense(EVENT, name))
            elif (column := of_properties.get(name)) is not None:
                self._add_sent(words, Sense(DIMENSION, column.name, column.kind))
            elif name in kinds:
                self._add_sent(words, Sense(DIMENSION, f"properties.{name}", kinds[name]))
        for segment in known.written.segments:
            self._add_sent((segment.label, segment.name.replace("_", " ")), Sense(SEGMENT, segment.name))

    def _hosts(self, hosts: Iterable[str]) -> None:
        """A referrer's host, and what its owner is called: ``www.google.com`` is Google."""
        for host in (host for host in hosts if len(host) <= _LONGEST_NAME):
            labels = [label for label in host.split(".") if label != "www"]
            where = Comparison(field="referrer_domain", value=host)
            called = [host, *(labels[-2:-1] if len(labels[-2:-1]) and len(labels[-2]) > 3 else [])]
            self._add_sent(called, Sense(VALUE, "referrer_domain", where))

    def _currencies(self, field: str, codes: Iterable[str]) -> None:
        for code in codes:
            where = Comparison(field=field, value=code)
            self._add_sent(_CURRENCIES.get(code, ()), Sense(VALUE, field, where))

    def _values(self, field: str, values: Iterable[str]) -> None:
        same: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for value in (value for value in values if len(value) <= _LONGEST_NAME):
            same[stems_of(value)].append(value)
        for stems, written in same.items():
            if field == "country" and len(written[0]) == 2 and written[0] != "US":
                self.country_codes.update(written)
                continue  # "in" and "be" are words; countries are known by their names
            single = len(written) == 1
            where = Comparison(field=field, operator="eq" if single else "in", value=written[0] if single else tuple(written))
            if stems and not all(stem.isdecimal() for stem in stems):
                self._add_sent([written[0]], Sense(VALUE, field, where))

    def _pages(self, paths: Iterable[str]) -> None:
        below: dict[str, list[str]] = defaultdict(list)
        for path in (path for path in paths if len(path) <= _LONGEST_NAME):
            parts = [part for part in path.split("/") if part]
            names = list(dict.fromkeys([" ".join(parts), parts[-1]])) if parts else list(_FROM_HOME)
            where = Comparison(field="page_path", value=path)
            self._add_sent([*names, *(f"{name} page" for name in names)], Sense(VALUE, "page_path", where))
            if len(parts) > 1:
                below[parts[0]].append(path)
        for first in below:
            within = Comparison(field="page_path", operator="starts_with", value=f"/{first}/")
            itself = Comparison(field="page_path", value=f"/{first}")
            both: Filter = AnyOf(any=(itself, within)) if f"/{first}" in set(paths) else within
            names = [f"{first} page", *([] if self._is_field(first) else [first])]  # a category is no part of the site
            self._add_sent(names, Sense(VALUE, "page_path", both))


_TAKES: Final = (
    "take to", "page take to", "time page take to", "time it take to", "how long do page take to", "how long page take to",
    "time to", "how long do a page take to",
)  # fmt: skip


def _called(name: str) -> list[str]:
    """How people may call a property: ``load_ms`` is the load time, ``cart.total`` the cart total."""
    words = [word for word in name.replace(".", "_").split("_") if word]
    called = [name, " ".join(words)]
    if len(words) > 1 and (unit := _UNITS_OF_TIME.get(words[-1].lower())):
        called += [" ".join([*words[:-1], unit]), " ".join([*words[:-1], "duration"]), " ".join(["page", *words[:-1], unit])]
        what = " ".join(words[:-1])
        called += [f"{said} {what}" for said in _TAKES]
    return called
