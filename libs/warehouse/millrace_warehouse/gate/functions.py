"""Which functions a statement may call: by category of the engine's own list, so that a new engine's dangers stay out."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

# AI calls paid services; dictionaries, models and introspection reach beyond the tenant's rows.
_DENIED_CATEGORIES: Final = frozenset(
    {"AI", "Dictionary", "Embedded Dictionary", "Encryption", "Introspection", "Machine Learning", "Internal"}
)
# Of the category "Other", which also holds file(), getSetting(), joinGet(), sleep(), throwIf() and the like.
_ALLOWED_OTHERS: Final = frozenset(
    """bar byteSize formatReadableDecimalSize formatReadableQuantity formatReadableSize formatReadableTimeDelta identity ignore
    isConstant materialize neighbor parseTimeDelta parseReadableSize parseReadableSizeOrNull parseReadableSizeOrZero
    rowNumberInBlock rowNumberInAllBlocks runningAccumulate runningDifference runningDifferenceStartingWithFirstValue toTypeName
    toColumnTypeName transform visibleWidth minSampleSizeContinuous minSampleSizeConversion initializeAggregation getSubcolumn
    countDigits digits variantElement variantType indexHint isDecimalOverflow MACNumToString MACStringToNum MACStringToOUI
    lowCardinalityIndices lowCardinalityKeys parseISO8601Duration finalizeAggregation arrayJoin""".split()
)
# Written as operators or keywords, or not in the engine's list at all.
_SYNTAX: Final = frozenset(
    """lambda exists in notin globalin globalnotin nullin notnullin globalnullin globalnotnullin cast _cast grouping tuple array
    map interval extract trim distinct""".split()
)
# The engine cannot be interrupted within a block, and these take minutes for one (2 s of limit became 14 s and more).
_UNINTERRUPTIBLE: Final = re.compile(
    r"(multi(fuzzy)?match|.*levenshtein|.*editdistance|jaro|damerau|.*hyperscan|arraysimilarity)", re.IGNORECASE
)
_CHANCE: Final = re.compile(r"rand|shuffle|sample|uuid|ulid|serial|snowflake|fuzz")
_COMBINATORS: Final = tuple(
    "if array distinct ornull ordefault state merge foreach resample map simplestate mergestate argmin argmax null".split()
)

TABLE_FUNCTIONS: Final = frozenset("numbers numbers_mt zeros values generateseries generate_series sqlstandardvalues".split())
IN_FUNCTIONS: Final = frozenset(
    "in notin globalin globalnotin nullin notnullin globalnullin globalnotnullin".split(),
)
CASTS: Final = frozenset("cast _cast accuratecast accuratecastornull accuratecastordefault jsonextract reinterpret".split())


DESCRIBED: Final = ("name", "categories", "is_aggregate", "alias_to", "deterministic")
"""What has to be known of each."""


@dataclass(frozen=True, slots=True)
class Functions:
    """The engine's functions, and those that a statement may call."""

    allowed: frozenset[str]
    aggregates: frozenset[str]
    known: frozenset[str]
    changing: frozenset[str] = frozenset()
    """Those that answer otherwise the next time: ``now``, ``rand`` and the like."""
    random: frozenset[str] = frozenset()
    """Of these the ones that do so at once: chance, and ids made anew."""

    @classmethod
    def of_engine(cls, rows: Iterable[Mapping[str, Any]]) -> "Functions":
        """Read off ``system.functions``: rows with :data:`DESCRIBED`."""
        by_name = {row["name"]: row for row in rows}
        aggregates = {name.lower() for name, row in by_name.items() if row["is_aggregate"]}
        plain = {
            name.lower()
            for name, row in by_name.items()
            if not row["is_aggregate"] and _is_allowed(by_name.get(row["alias_to"], row))
        }
        changing = {name.lower() for name, row in by_name.items() if row["deterministic"] == 0}
        random = {name for name in changing if _CHANCE.search(name)}
        known = frozenset(name.lower() for name in by_name)
        allowed = frozenset(plain | aggregates | _SYNTAX)
        return cls(allowed, frozenset(aggregates), known, frozenset(changing), frozenset(random))

    def allows(self, name: str) -> bool:
        """Whether a statement may call this, aggregate combinators (``sumIf``, ``uniqMerge``) included."""
        rest = name.lower()
        if rest in self.allowed:
            return True
        while True:
            suffix = next((one for one in _COMBINATORS if rest.endswith(one) and len(rest) > len(one)), None)
            if suffix is None:
                return False
            rest = rest[: -len(suffix)]
            if rest in self.aggregates:
                return True


def _is_allowed(row: Mapping[str, Any]) -> bool:
    categories = set(filter(None, row["categories"].split(",")))
    if categories & _DENIED_CATEGORIES or _UNINTERRUPTIBLE.match(row["name"]):
        return False
    return "Other" not in categories or row["name"] in _ALLOWED_OTHERS
