"""What a question about measures says, part by part: read from left to right, each part in the light of those before it."""

from collections.abc import Sequence
from typing import Final

from millrace_analytics.ai.offline import grammar
from millrace_analytics.ai.offline.lexicon import DIMENSION, EVENT, METRIC, SEGMENT, VALUE, Sense
from millrace_analytics.ai.offline.scanning import Piece
from millrace_analytics.ai.offline.settling import settle
from millrace_analytics.ai.offline.slots import (
    DIVISORS,
    OF_AN_ORDER,
    PEOPLE,
    PER,
    PERSON_DIMENSIONS,
    PURCHASES,
    NotUnderstood,
    Slots,
    bound_values,
    divides,
    divisor_of,
    event_of,
    is_counted,
    is_counted_behind,
    is_of_groups,
    is_part_of,
    listing_of,
    pop_number_field,
)
from millrace_warehouse.metrics.filters import InSegment, Not


class SlotReader:
    """Reads pieces into slots."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.slots = Slots()
        self._pieces = bound_values([piece for piece in pieces if piece.kind != "stop"])
        self._role = ""
        self._negated = False
        self._left_out: Piece | None = None
        self._is_per = False
        self._before: Piece | None = None
        self._behind: Piece | None = None
        self._number: Piece | None = None
        self._comparing: tuple[str, str] | None = None

    def read(self) -> Slots:
        """The slots.

        Raises:
            NotUnderstood: a piece has no place.
        """
        for at, piece in enumerate(self._pieces):
            self._behind = self._pieces[at + 1] if at + 1 < len(self._pieces) else None
            if not self._goes_on(piece):
                self._take(piece)
            self._before = piece
        if self._number is not None:
            raise NotUnderstood(f"the number {self._number.text}")
        last = self._pieces[-1] if self._pieces else None
        if last is not None and not last.is_content and last.is_a(grammar.BY, grammar.WHICH):
            raise NotUnderstood(f"what should stand behind “{last.text}”")
        if self._comparing is not None or self._negated:
            raise NotUnderstood("what is compared or left out")
        settle(self.slots)
        return self.slots

    def _goes_on(self, piece: Piece) -> bool:
        """Whether it only joins two that are left out: ``excluding France and Germany`` excludes both."""
        left, behind = self._left_out, self._behind
        self._left_out = None
        if left is None or behind is None or piece.is_content or not piece.is_a(grammar.AND, grammar.OR):
            return False
        if piece.is_a(grammar.SHARE) or behind.is_a(grammar.NOT):
            return False
        fields = {one.name for one in left.all(VALUE)}
        same = any(one.name in fields for one in behind.all(VALUE)) or (
            not fields and event_of(left) is not None and event_of(behind) is not None
        )
        self._negated = same
        return same

    def _take(self, piece: Piece) -> None:
        slots = self.slots
        match piece.kind:
            case "unknown":
                raise NotUnderstood(f"“{piece.text}”")
            case "when":
                assert piece.when is not None
                slots.ranges.append(piece.when)
                self._role = ""
            case "grain":
                slots.grain = piece.unit
            case "period":
                slots.period = piece.unit
            case "unit":
                self._take_unit(piece)
            case "number":
                self._take_number(piece)
            case _:
                if not self._take_grammar(piece):
                    self._take_content(piece)

    def _take_number(self, piece: Piece) -> None:
        if self._comparing is not None:
            self._compare(piece.number)
        elif self._role == grammar.TOP and self.slots.top is None:
            self.slots.top = piece.number
        else:
            self._number = piece  # of "10 most common", "7 day moving average"

    def _take_unit(self, piece: Piece) -> None:
        slots = self.slots
        if self._number is not None:
            slots.moving, self._number = self._number.number, None
            slots.grain = slots.grain or piece.unit
        elif self._role in (grammar.WHICH, grammar.TOP, grammar.ORDER) and not slots.by:
            slots.which_unit, self._role = piece.unit, ""
            slots.single = not piece.plural
        elif piece.plural and not slots.measures and slots.listed_unit is None:
            slots.listed_unit = piece.unit  # "days with more than 10 orders"
        else:
            raise NotUnderstood(f"“{piece.text}”")

    def _compare(self, number: int) -> None:
        assert self._comparing is not None
        operator, strict = self._comparing
        signs = {("above", "1"): "gt", ("above", "0"): "ge", ("below", "1"): "lt", ("below", "0"): "le", ("exactly", ""): "eq"}
        self._comparing = None
        is_limit = is_counted_behind(self._behind)
        target = None if is_limit else pop_number_field(self.slots)
        if is_limit or (target is None and is_of_groups(self.slots)):
            if self.slots.having is not None:
                raise NotUnderstood(f"what {number} is a limit of")
            self.slots.having = (signs[operator, strict], number)
            return
        self.slots.numbers.append((target, signs[operator, strict], number))

    def _take_grammar(self, piece: Piece) -> bool:
        """Whether the piece is a word of the grammar, and in its place."""
        sense = piece.sense(*_GRAMMAR)
        if sense is None or (piece.is_content and self._role in (grammar.BY, grammar.WHICH, grammar.TOP)):
            return False
        self._is_per = sense.kind == grammar.BY and piece.text.lower() in PER
        if sense.kind == grammar.SAME and not self.slots.ranges:
            raise NotUnderstood(f"which time is “{piece.text}”")
        if sense.kind == grammar.NEW and self._behind is not None and event_of(self._behind) is not None:
            return True  # "new signups" are signups
        if self._number is not None and sense.kind in (grammar.OR_MORE, grammar.OR_LESS):
            self._comparing = (grammar.ABOVE if sense.kind == grammar.OR_MORE else grammar.BELOW, "0")
            number, self._number = self._number.number, None
            self._compare(number)
            return True
        if sense.kind == grammar.TIMES and self.slots.having is not None:
            return True
        if sense.kind == grammar.BETWEEN:
            self.slots.between = (pop_number_field(self.slots), *sense.detail)
            return True
        if not (self._take_role(sense) or self._take_flag(sense)) and sense.kind not in _SAYS_NOTHING:
            raise NotUnderstood(f"“{piece.text}”")
        return True

    def _take_role(self, sense: Sense) -> bool:
        """What decides how the words behind it are read."""
        slots = self.slots
        match sense.kind:
            case grammar.BY | grammar.WHICH:
                self._role = sense.kind
            case grammar.HOW_MANY | grammar.HOW_OFTEN:
                slots.counted, self._role = True, ""
                slots.how_often = sense.kind == grammar.HOW_OFTEN
            case grammar.SHARE:
                slots.share, self._role = True, ""
            case grammar.COMPARE:
                slots.compare, self._role = True, ""
                slots.joined = slots.joined or bool(slots.measures)
            case grammar.TOP | grammar.BOTTOM:
                self._rank(sense.kind)
            case grammar.ORDER:
                self._order(sense.name)
            case grammar.NOT:
                self._negated = True
            case grammar.ABOVE | grammar.BELOW | grammar.EXACTLY:
                self._comparing = (sense.kind, sense.name)
            case _:
                return False
        return True

    def _take_flag(self, sense: Sense) -> bool:
        """Something about the whole question."""
        slots = self.slots
        match sense.kind:
            case grammar.UNIQUE:
                slots.unique = True
            case grammar.AGGREGATE:
                slots.aggregate = sense.name
            case grammar.PREVIOUS:
                slots.previous = "year" if sense.name == "year" else "period"
                slots.previous_is = sense.detail or slots.previous_is
            case grammar.RUNNING:
                slots.running = True
            case grammar.GROWTH:
                slots.growth = True
            case grammar.MOVING:
                self._move(sense)
            case grammar.OR:
                slots.either = True
            case grammar.AND | grammar.OR_MORE:
                slots.joined = slots.joined or (bool(slots.measures) and not slots.by and not slots.values)
                slots.joined = slots.joined or self._stands_between_measures()
            case grammar.OVER_TIME:
                slots.over_time = True
            case _:
                return False
        return True

    def _stands_between_measures(self) -> bool:
        beside = (self._before, self._behind)
        return all(one is not None and one.is_a(METRIC, EVENT) and not one.is_a(VALUE, DIMENSION) for one in beside)

    def _rank(self, kind: str) -> None:
        slots = self.slots
        slots.is_ranked = slots.is_superlative = True
        slots.ascending = kind == grammar.BOTTOM
        if self._number is not None:
            if self._number.is_ordinal and self._number.number > 1:
                raise NotUnderstood(f"“{self._number.text}”")  # the third is not the first three
            slots.top, self._number = self._number.number, None
        self._role = grammar.TOP if not slots.by and slots.which_unit is None else ""

    def _move(self, sense: Sense) -> None:
        slots = self.slots
        if sense.detail is not None:
            slots.moving, slots.grain = sense.detail
        elif self._number is not None:
            slots.moving, self._number = self._number.number, None
        slots.is_moving = True

    def _order(self, how: str) -> None:
        slots = self.slots
        slots.is_ranked = True
        if how == "by":
            self._role = grammar.ORDER
        else:
            slots.ascending = how == "ascending"

    def _take_content(self, piece: Piece) -> None:
        slots = self.slots
        if not piece.is_content:
            raise NotUnderstood(f"“{piece.text}”")
        if self._role == grammar.BY and slots.by and self._before is not None and self._before.is_content:
            self._role = ""  # a list goes on with a comma or "and"
        role = self._role
        if self._negated:
            self._leave_out(piece)
        elif role in (grammar.BY, grammar.WHICH, grammar.TOP):
            self._take_listed(piece)
        elif self._names_the_kind(piece):
            pass
        elif (values := piece.all(VALUE)) and not piece.is_a(METRIC, EVENT):
            slots.values.append(tuple(values))
        else:
            self._take_measure(piece)

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
        if self._role == grammar.BY and slots.measures and not self._is_per and self._is_described(piece):
            self._role = ""  # "clicks by users who are not logged in": whose they are
            return
        if self._is_per and slots.measures and metric is not None and not slots.per and divides(piece, metric):
            slots.per, self._is_per, self._role = divisor_of(piece, metric), False, ""
            return
        measured = metric or (dimension if slots.aggregate and dimension and dimension.detail == "number" else None)
        if self._role == grammar.BY and slots.by and slots.is_ranked and measured is not None:
            slots.measures.append(measured)  # "top pages by views", "slowest pages by average load time"
        elif dimension is not None and (self._role != grammar.TOP or not slots.by):
            slots.by.append(dimension)
            if self._role == grammar.WHICH or (self._role == grammar.TOP and slots.top is None):
                slots.single = not piece.plural
            if self._role != grammar.BY:
                self._role = ""
        elif self._role in (grammar.TOP, grammar.WHICH) and metric is not None and metric.name in PEOPLE and not slots.by:
            slots.by.append(Sense(DIMENSION, PEOPLE[metric.name], "text"))
            slots.single = self._role == grammar.WHICH and not piece.plural
            self._role = ""
        elif metric is None and not piece.is_a(EVENT) and piece.is_a(VALUE):
            self._take_values(piece)
        else:
            self._take_measure(piece)

    def _is_described(self, piece: Piece) -> bool:
        names = {one.name for one in (*piece.all(METRIC), *piece.all(DIMENSION))}
        is_somebody = bool(names & (PEOPLE.keys() - {"events", "page_views", "sessions"}))
        return is_somebody and self._behind is not None and self._behind.is_a(grammar.WHO)

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
        sense = piece.sense(METRIC, EVENT, DIMENSION, SEGMENT, VALUE)
        assert sense is not None
        slots = self.slots
        if slots.compare and slots.segments and (segment := piece.sense(SEGMENT)) is not None:
            sense = segment  # "anonymous vs signed in"
        if (slots.aggregate or slots.unique) and not slots.measures:
            sense = self._measured_field(piece) or sense
        self._note_first(piece)
        if sense.kind == METRIC and self._before is not None and self._before.is_a(grammar.HOW_MANY):
            sense = next((one for one in piece.all(METRIC) if is_counted(one)), sense)  # "number of sales"
        if sense.name == "average_order_value" and piece.plural and piece.words > 1:
            sense, slots.aggregate = Sense(METRIC, "purchases"), "avg"  # "average purchases per day" are no amount
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

    def _note_first(self, piece: Piece) -> None:
        """Whether it stands behind a rank, and by what it is listed."""
        slots, before = self.slots, self._before
        slots.is_biggest = slots.is_biggest or (before is not None and before.is_a(grammar.TOP, grammar.BOTTOM))
        if not slots.measures and piece.plural:
            slots.listed = listing_of(piece)

    def _is_different(self, dimension: Sense) -> bool:
        """``different pages``, ``distinct browsers``: as many as there are values; visitors are counted by their metric."""
        is_said = self._before is not None and self._before.is_a(grammar.UNIQUE)
        return is_said and dimension.name not in PERSON_DIMENSIONS | {"session_id"}

    def _names_the_kind(self, piece: Piece) -> bool:
        """``users`` of ``mobile users``, ``plan`` of ``the pro plan``: what a value before it is a value of."""
        before = self._before
        if before is None or before.is_a(METRIC, EVENT) or not before.is_a(VALUE, SEGMENT):
            return False
        fields = {one.name for one in before.all(VALUE)}
        if any(one.name in fields for one in piece.all(DIMENSION)):
            return True
        if fields & OF_AN_ORDER and any(one.name == "purchases" for one in piece.all(METRIC)) and not self.slots.joined:
            return any(one.name in PURCHASES for one in self.slots.measures)  # "revenue, not of dollar orders"
        return bool(self.slots.measures) and any(one.name in PEOPLE for one in piece.all(METRIC))


_GRAMMAR: Final = tuple(
    value for name, value in vars(grammar).items() if name.isupper() and isinstance(value, str) and not name.startswith("_")
)
_SAYS_NOTHING: Final = frozenset({grammar.ONLY_TOO, grammar.SAME, grammar.ALL_TIME, grammar.WHO, grammar.ACTIVE, grammar.THEN})
"""Whoever is counted has an event, so is active."""
