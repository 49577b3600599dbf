"""What the names in a question about measures stand for, each in the light of the words before it."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from millrace_analytics.ai.offline import grammar
from millrace_analytics.ai.offline.lexicon import DIMENSION, EVENT, METRIC, SEGMENT, VALUE, Sense
from millrace_analytics.ai.offline.scanning import Piece
from millrace_analytics.ai.offline.slots import (
    DIVISORS,
    NOUNS_OF_PURCHASE,
    OF_AN_ORDER,
    PEOPLE,
    PERSON_DIMENSIONS,
    PURCHASES,
    NotUnderstood,
    Slots,
    bound_values,
    divides,
    divisor_of,
    event_of,
    field_of,
    is_counted,
    is_part_of,
    listing_of,
)
from millrace_warehouse.metrics.filters import Comparison, InSegment, Not


class Names:
    """Takes names into slots; who reads the other words says in which role they stand."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.slots = Slots()
        self._pieces = bound_values([piece for piece in pieces if piece.kind != "stop"])
        self._role = ""
        self._negated = False
        self._left_out: Piece | None = None
        self._is_per = False
        self._was_kind = False
        self._before: Piece | None = None
        self._behind: Piece | None = None
        self._number: Piece | None = None
        self._comparing: tuple[str, str] | None = None

    def _take_content(self, piece: Piece) -> None:
        slots = self.slots
        if not piece.is_content:
            raise NotUnderstood(f"“{piece.text}”")
        if self._role == grammar.BY and slots.by and self._before is not None and self._before.is_content:
            self._role = ""  # a list goes on with a comma or "and"
        role = self._role
        if (dimension := piece.sense(DIMENSION)) is not None and dimension.name == "is_bot":
            self._name_bots(piece, dimension)
        elif self._negated:
            self._leave_out(piece)
        elif role in (grammar.BY, grammar.WHICH, grammar.TOP):
            self._take_listed(piece)
        elif self._names_the_kind(piece):
            pass
        elif (values := piece.all(VALUE)) and not piece.is_a(METRIC, EVENT) and not self._is_several(piece):
            slots.values.append(tuple(values))
        else:
            self._take_measure(piece)

    def _name_bots(self, piece: Piece, dimension: Sense) -> None:
        """``bot traffic``, ``by is_bot``; they are left out where nobody says that they count."""
        behind = self._behind
        if not self._negated and self._role in (grammar.BY, grammar.WHICH) and not piece.plural:
            self.slots.bots = True
            self.slots.by.append(dimension)
        elif self._negated or self._role == grammar.BY or (not piece.plural and behind is not None and event_of(behind)):
            self._take_bots(alone=True)
        else:
            raise NotUnderstood("whether bots count, too, or alone: write “including bots” or “from bots”")

    def _says_bots(self, sense: Sense) -> bool:
        if sense.kind == grammar.BOTS:
            self._take_bots(alone=sense.name == "only")
        return sense.kind == grammar.BOTS

    def _take_bots(self, *, alone: bool) -> None:
        if self._negated:
            self._negated = False  # "without bots", as ever
            return
        self.slots.bots, self._role = True, ""
        if alone:
            self.slots.segments.append(Comparison(field="is_bot", value=True))

    def _is_several(self, piece: Piece) -> bool:
        """``products``: many values of a field, and no part of the site that is called so."""
        return piece.plural and piece.is_a(DIMENSION) and "page" not in piece.text.lower()

    def _leave_out(self, piece: Piece) -> None:
        """What stands behind ``not``."""
        slots = self.slots
        if self._says_how_it_happened(piece):
            return
        if values := piece.all(VALUE):
            slots.excluded.append(tuple(values))
            self._left_out = piece
        elif (segment := piece.sense(SEGMENT)) is not None:
            slots.segments.append(Not.model_validate({"not": InSegment(segment=segment.name)}))
        elif (events := event_of(piece)) is not None and [one.name for one in slots.measures] == ["events"]:
            slots.left_out.append(events)
            self._left_out = piece
        elif (dimension := piece.sense(DIMENSION)) is not None and not piece.is_a(METRIC) and dimension.detail != "time":
            if any(one.name == dimension.name for senses in slots.values for one in senses):
                raise NotUnderstood(f"“not {piece.text}”")  # "compared to no campaign"
            empty = {"field": field_of(dimension), "operator": "is_not_set"}
            slots.segments.append(Comparison.model_validate(empty))  # "without utm_source"
        else:
            raise NotUnderstood(f"“not {piece.text}”")
        self._negated = False

    def _says_how_it_happened(self, piece: Piece) -> bool:
        """``orders not paid in euros``: the euros are what is left out."""
        event, behind = piece.sense(EVENT), self._behind
        return event is not None and behind is not None and behind.is_a(VALUE) and is_part_of(event, self.slots)

    def _take_listed(self, piece: Piece) -> None:
        """What stands behind ``by``, ``which`` or ``top``."""
        slots = self.slots
        dimension, metric = piece.sense(DIMENSION), piece.sense(METRIC)
        if dimension is not None and self._is_special(piece, dimension):
            return
        if self._role == grammar.BY and slots.measures and not self._is_per and self._is_described(piece):
            self._role = ""  # "clicks by users who are not logged in": whose they are
            return
        if self._is_per and slots.measures and metric is not None and not slots.per and divides(piece, metric):
            slots.per, self._is_per, self._role = divisor_of(piece, metric), False, ""
            return
        measured = metric or (dimension if slots.aggregate and dimension and dimension.detail == "number" else None)
        if self._role == grammar.BY and slots.by and slots.is_ranked and measured is not None:
            slots.measures.append(measured)  # "top pages by views", "slowest pages by average load time"
        elif not self._takes_group(piece, dimension, metric):
            self._take_unlisted(piece, metric)

    def _takes_group(self, piece: Piece, dimension: Sense | None, metric: Sense | None) -> bool:
        """Whether it is what groups are by, and is taken."""
        slots = self.slots
        if dimension is not None and (self._role != grammar.TOP or not slots.by):
            slots.by.append(dimension)
            slots.is_by_customer = metric is not None and metric.name == "customers"
            if self._role == grammar.WHICH or (self._role == grammar.TOP and slots.top is None):
                slots.single = not piece.plural
            if self._role != grammar.BY:
                self._role = ""
            return True
        is_asked = self._role in (grammar.TOP, grammar.WHICH) and not slots.by
        if is_asked and metric is not None and metric.name in PEOPLE:
            slots.by.append(Sense(DIMENSION, PEOPLE[metric.name], "text"))
            slots.single = self._role == grammar.WHICH and not piece.plural
            self._role = ""
            return True
        return False

    def _take_unlisted(self, piece: Piece, metric: Sense | None) -> None:
        """What stands where groups are named, and is none: whose events they are, or what is measured."""
        if metric is None and not piece.is_a(EVENT) and piece.is_a(VALUE):
            self._take_values(piece)
            return
        if self._role == grammar.BY and piece.is_a(SEGMENT):
            self._role = ""  # "by anonymous visitors"
        self._take_measure(piece)
        if self._role == grammar.WHICH and metric is not None:
            self._role = ""  # "what are the revenue and …"

    def _is_special(self, piece: Piece, dimension: Sense) -> bool:
        """Whether it is a dimension that lists nothing, and is taken: a date, or a number of which the extreme is asked for."""
        slots = self.slots
        if dimension.name == "timestamp" and not piece.is_a(METRIC):
            self._take_date(piece)
            return True
        if not self._is_extreme(dimension):
            return False
        slots.aggregate, slots.is_ranked = slots.aggregate or ("min" if slots.ascending else "max"), False
        slots.is_superlative, self._role = False, ""
        slots.measures.append(dimension)  # "highest order value by country"
        return True

    def _take_date(self, piece: Piece) -> None:
        """``on which date``, ``by date``."""
        if self._role == grammar.BY:
            self.slots.grain = self.slots.grain or "day"
        else:
            self.slots.which_unit, self.slots.single = "day", not piece.plural
        self._role = ""

    def _is_extreme(self, dimension: Sense) -> bool:
        slots = self.slots
        is_first = not slots.by and not slots.measures and slots.top is None and self._role == grammar.TOP
        return is_first and dimension.detail == "number" and dimension.name not in ("hour_of_day", "day_of_week")

    def _is_described(self, piece: Piece) -> bool:
        names = {one.name for one in (*piece.all(METRIC), *piece.all(DIMENSION))}
        is_somebody = bool(names & (PEOPLE.keys() - {"events", "page_views", "sessions"}))
        behind = self._behind
        is_said = behind is not None and (
            behind.is_a(grammar.WHO)
            or ((piece.plural or piece.text.lower() == "people") and behind.is_a(VALUE, SEGMENT, grammar.NOT))
        )
        return is_somebody and is_said

    def _take_values(self, piece: Piece) -> None:
        slots = self.slots
        if self._role == grammar.BY and not self._is_whose():
            raise NotUnderstood(f"“by {piece.text}”")
        if self._role == grammar.BY and not slots.by:
            self._role = ""  # "by mobile users" groups by nothing
        slots.values.append(tuple(piece.all(VALUE)))

    def _is_whose(self) -> bool:
        """``by mobile users``, ``among Germans``: whose events they are, and no groups."""
        before = self._before
        if before is not None and before.text.lower() == "among":
            return True
        if self._behind is None:
            return False
        is_rank = self.slots.is_ranked and bool(self.slots.by) and self._behind.is_a(METRIC, EVENT)  # "by EUR revenue"
        return is_rank or any(one.name in PEOPLE for one in self._behind.all(METRIC))

    def _take_measure(self, piece: Piece) -> None:
        slots = self.slots
        sense = self._sense_of(piece)
        self._note_first(piece)
        if sense.name == "sessions" and piece.text.lower() in ("visited", "visiting"):
            self._take_visited(sense)
            return
        if sense.name == "users" and piece.words > 1 and self._is_filter():
            slots.segments.append(InSegment(segment="signed_in"))  # "revenue from signed-in users"
            return
        if sense.name == "average_order_value" and piece.plural and piece.words > 1:
            sense, slots.aggregate = Sense(METRIC, "purchases"), "avg"  # "average purchases per day" are no amount
        is_average = sense.name == "average_order_value" and piece.text.lower().startswith("average")
        if is_average and slots.aggregate not in ("", "avg"):
            slots.aggregates.append("avg")  # "minimum, maximum and average order value"
        is_counted_field = self._before is not None and self._before.is_a(grammar.HOW_MANY, grammar.UNIQUE)
        slots.is_field_counted = slots.is_field_counted or (sense.kind == DIMENSION and is_counted_field)
        if sense.kind == SEGMENT:
            slots.segments.append(InSegment(segment=sense.name))
        elif sense.kind == VALUE:
            slots.values.append(tuple(piece.all(VALUE)))
        elif sense not in slots.measures and not is_part_of(sense, slots):
            slots.first_is_plural = slots.first_is_plural if slots.measures else piece.plural
            if sense.kind == METRIC and sense.name in DIVISORS and not piece.plural and len(slots.measures) == 1:
                slots.divisor = divisor_of(piece, sense)
            slots.measures.append(sense)

    def _measured_field(self, piece: Piece) -> Sense | None:
        """The field that is aggregated, or whose values are counted."""
        if (dimension := piece.sense(DIMENSION)) is None:
            return None
        wants_number = bool(self.slots.aggregate) and dimension.detail == "number"
        wants_values = self.slots.unique and (not piece.is_a(METRIC) or self._is_different(dimension))
        return dimension if wants_number or wants_values else None

    def _take_visited(self, sense: Sense) -> None:
        """``which pages were visited``: how often; ``how many people visited the site``: whoever is counted was there."""
        slots = self.slots
        slots.visited = bool(slots.measures)
        if not slots.measures:
            slots.measures.append(Sense(METRIC, "page_views") if [one.name for one in slots.by] == ["page_path"] else sense)

    def _is_filter(self) -> bool:
        """Whether people that are named only say whose events are measured."""
        slots = self.slots
        return bool(slots.measures) and not slots.joined and not slots.compare and not slots.per

    def _sense_of(self, piece: Piece) -> Sense:
        """What is measured, of all that a phrase may mean."""
        sense = piece.sense(METRIC, EVENT, DIMENSION, SEGMENT, VALUE)
        assert sense is not None, "it has content"
        slots = self.slots
        is_compared = slots.compare or (self._behind is not None and self._behind.is_a(grammar.COMPARE))
        if is_compared and (slots.segments or not slots.measures) and (segment := piece.sense(SEGMENT)) is not None:
            sense = segment  # "anonymous vs signed in"
        if (slots.aggregate or slots.unique) and not slots.measures:
            sense = self._measured_field(piece) or sense
        if sense.kind == METRIC and self._before is not None and self._before.is_a(grammar.HOW_MANY):
            sense = next((one for one in piece.all(METRIC) if is_counted(one)), sense)  # "number of sales"
        return sense

    def _note_first(self, piece: Piece) -> None:
        """Whether it stands behind a rank, and by what it is listed."""
        slots, before = self.slots, self._before
        is_ranked = before is not None and before.is_a(grammar.TOP, grammar.BOTTOM)
        slots.is_biggest = slots.is_biggest or (is_ranked and piece.text.lower() in NOUNS_OF_PURCHASE)
        if not slots.measures and piece.plural:
            slots.listed = listing_of(piece)

    def _is_different(self, dimension: Sense) -> bool:
        """``different pages``, ``distinct browsers``: as many as there are values; visitors are counted by their metric."""
        is_said = self._before is not None and self._before.is_a(grammar.UNIQUE)
        return is_said and dimension.name not in PERSON_DIMENSIONS | {"session_id"}

    def _bind_last(self, kinds: AbstractSet[str]) -> None:
        """``the coffee category``: the value before it is none of a page."""
        values = self.slots.values
        if values and (bound := tuple(one for one in values[-1] if one.name in kinds)):
            values[-1] = bound

    def _names_the_kind(self, piece: Piece) -> bool:
        """``users`` of ``mobile users``, ``plan`` of ``the pro plan``: what a value before it is a value of."""
        before = self._before
        was_kind, self._was_kind = self._was_kind, False
        if was_kind and any(one.name in PEOPLE for one in piece.all(METRIC)):
            return True  # "free plan users"
        if before is None or before.is_a(METRIC, EVENT) or not before.is_a(VALUE, SEGMENT):
            return False
        fields = {one.name for one in before.all(VALUE)}
        if kinds := {one.name for one in piece.all(DIMENSION)} & fields:
            self._was_kind = bool(self.slots.measures)
            self._bind_last(kinds)
            return True
        if fields & OF_AN_ORDER and any(one.name == "purchases" for one in piece.all(METRIC)) and not self.slots.joined:
            return any(one.name in PURCHASES for one in self.slots.measures)  # "revenue, not of dollar orders"
        is_whose = bool(self.slots.measures) or [one.name for one in self.slots.by] == [
            "page_path"
        ]  # "top pages for mobile users"
        return is_whose and any(one.name in PEOPLE for one in piece.all(METRIC))
