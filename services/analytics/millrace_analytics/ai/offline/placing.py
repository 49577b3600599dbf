"""What a question about measures says, part by part: read from left to right, each part in the light of those before it."""

from typing import Final

from millrace_analytics.ai.offline import grammar
from millrace_analytics.ai.offline.lexicon import DIMENSION, EVENT, METRIC, VALUE, Sense
from millrace_analytics.ai.offline.naming import Names
from millrace_analytics.ai.offline.scanning import Piece
from millrace_analytics.ai.offline.settling import settle
from millrace_analytics.ai.offline.slots import (
    PER,
    NotUnderstood,
    Slots,
    event_of,
    is_counted_behind,
    is_of_groups,
    pop_number_field,
)
from millrace_warehouse.metrics.ranges import Last


class SlotReader(Names):
    """Reads pieces into slots."""

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
                if self._role == grammar.BY and self._before is not None and self._before.is_a(grammar.BY):
                    raise NotUnderstood(f"“{self._before.text} {piece.text}”")  # "each Monday" is many of them
                slots.ranges.append(piece.when)
                self._role = ""
            case "grain":
                if piece.text.lower().startswith("every") and self._before is not None and self._before.is_a(grammar.ACTIVE):
                    raise NotUnderstood(f"“active {piece.text}”")  # in all of them, and not in each
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
        elif piece.text.lower() == "single":
            if self.slots.by or not self._is_one_of_many():
                raise NotUnderstood("“single”")
        elif self.slots.top is None and (self._role == grammar.TOP or self._is_behind_rank()):
            self.slots.top = piece.number
        else:
            self._number = piece  # of "10 most common", "7 day moving average"

    def _is_one_of_many(self) -> bool:
        """``the largest single order``, ``the single best day``, ``every single day``: it says nothing more there."""
        before, behind = self._before, self._behind
        ranks = (grammar.TOP, grammar.BOTTOM, grammar.AGGREGATE)
        is_before = before is not None and before.is_a(*ranks, grammar.BY)
        return is_before or (behind is not None and (behind.is_a(*ranks) or behind.kind == "unit"))

    def _take_unit(self, piece: Piece) -> None:
        slots = self.slots
        if self._number is not None:
            slots.moving, self._number = self._number.number, None
            slots.grain = slots.grain or piece.unit
        elif self._role in (grammar.WHICH, grammar.TOP, grammar.ORDER) and not slots.by:
            slots.which_unit, self._role = piece.unit, ""
            slots.single = not piece.plural
        elif self._before is not None and self._before.text.lower() == "peak":
            slots.which_unit, slots.single, slots.aggregate = piece.unit, not piece.plural, ""
            slots.is_ranked = slots.is_superlative = True
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
        self._note_same(sense, piece)
        if sense.kind == grammar.WHO and piece.text.lower().startswith("who") and self._is_who_it_was():
            raise NotUnderstood("who it was: ask “which customer …”")
        if sense.kind == grammar.NEW and self._behind is not None and event_of(self._behind) is not None:
            return True  # "new signups" are signups
        if self._number is not None and sense.kind in (grammar.OR_MORE, grammar.OR_LESS):
            self._comparing = (grammar.ABOVE if sense.kind == grammar.OR_MORE else grammar.BELOW, "0")
            number, self._number = self._number.number, None
            self._compare(number)
            return True
        if sense.kind == grammar.TIMES and self.slots.having is not None:
            return True
        if sense.kind == grammar.TIME_LIMIT and self._comparing is not None:
            pop_number_field(self.slots)
            (target, number), self.slots.measures = sense.detail, [*self.slots.measures, sense.detail[0]]
            assert target.kind == DIMENSION, "it is a property"
            self._compare(number)
            return True
        if sense.kind == grammar.BETWEEN:
            self.slots.between = (pop_number_field(self.slots), *sense.detail)
            return True
        if not (self._take_role(sense) or self._take_flag(sense) or self._says_bots(sense)) and sense.kind not in _SAYS_NOTHING:
            raise NotUnderstood(f"“{piece.text}”")
        return True

    def _is_who_it_was(self) -> bool:
        """``the largest order and who made it``, ``by whom``."""
        before = self._before
        return before is not None and (self._behind is None or (before.is_a(grammar.AND) and not before.is_content))

    def _note_same(self, sense: Sense, piece: Piece) -> None:
        """``the same days last week``, ``last month to date``: the part of it that is over of the other time."""
        before = self._before
        if sense.kind == grammar.SAME:
            if not self.slots.ranges:
                raise NotUnderstood(f"which time is “{piece.text}”")
            self.slots.same_part = True
            self.slots.is_with_same |= before is not None and before.is_a(grammar.COMPARE)
        elif sense.kind == grammar.ALL_TIME and before is not None and before.when is not None:
            asked = before.when.range
            self.slots.same_part |= isinstance(asked, Last) and asked.align == "complete"

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
                self._role = "" if self._role == grammar.BY and not slots.by else self._role  # "by non-mobile users"
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
                self._aggregate(sense.name)
            case grammar.PREVIOUS:
                slots.previous = "year" if sense.name == "year" else "period"
                slots.previous_is = sense.detail or slots.previous_is
            case grammar.RUNNING:
                slots.running = True
            case grammar.GROWTH | grammar.RATIO:
                self._relate(sense.kind)
            case grammar.MOVING:
                self._move(sense)
            case grammar.OR:
                slots.either = True
            case grammar.AND | grammar.OR_MORE:
                slots.joined = slots.joined or self._joins()
            case grammar.OVER_TIME:
                slots.over_time = True
            case _:
                return False
        return True

    def _relate(self, kind: str) -> None:
        if self._is_behind_rank():
            raise NotUnderstood(f"which {kind}")  # groups are ranked by what they are, and not by how they change
        self.slots.growth = self.slots.growth or kind == grammar.GROWTH
        self.slots.is_ratio = self.slots.is_ratio or kind == grammar.RATIO

    def _is_behind_rank(self) -> bool:
        """``visitors per page, top 5``."""
        return self._before is not None and self._before.is_a(grammar.TOP, grammar.BOTTOM) and not self._before.is_content

    def _aggregate(self, how: str) -> None:
        if self.slots.aggregate not in ("", how):
            self.slots.aggregates.append(how)
        self.slots.aggregate = self.slots.aggregate or how

    def _joins(self) -> bool:
        """Whether it joins measures: those before it, or the two that it stands between."""
        slots = self.slots
        if slots.measures and not slots.by and not slots.values:
            return True
        beside = (self._before, self._behind)
        return all(one is not None and one.is_a(METRIC, EVENT) and not one.is_a(VALUE, DIMENSION) for one in beside)

    def _rank(self, kind: str) -> None:
        slots = self.slots
        slots.is_ranked = slots.is_superlative = True
        slots.is_rank_of_groups = bool(slots.by)
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


_GRAMMAR: Final = tuple(
    value for name, value in vars(grammar).items() if name.isupper() and isinstance(value, str) and not name.startswith("_")
)
_SAYS_NOTHING: Final = frozenset({grammar.ONLY_TOO, grammar.SAME, grammar.ALL_TIME, grammar.WHO, grammar.ACTIVE, grammar.THEN})
"""Whoever is counted has an event, so is active."""
