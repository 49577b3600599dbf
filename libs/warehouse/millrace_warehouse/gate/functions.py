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
_COMBINATORS: Final = tuple(
    "if array distinct ornull ordefault state merge foreach resample map simplestate mergestate argmin argmax null".split()
)

TABLE_FUNCTIONS: Final = frozenset("numbers numbers_mt zeros values generateseries generate_series sqlstandardvalues".split())
IN_FUNCTIONS: Final = frozenset(
    "in notin globalin globalnotin nullin notnullin globalnullin globalnotnullin".split(),
)
CASTS: Final = frozenset("cast _cast accuratecast accuratecastornull accuratecastordefault jsonextract reinterpret".split())


@dataclass(frozen=True, slots=True)
class Functions:
    """The engine's functions, and those that a statement may call."""

    allowed: frozenset[str]
    aggregates: frozenset[str]
    known: frozenset[str]

    @classmethod
    def of_engine(cls, rows: Iterable[Mapping[str, Any]]) -> "Functions":
        """Read off ``system.functions``: rows with name, categories, is_aggregate, alias_to."""
        by_name = {row["name"]: row for row in rows}
        aggregates = {name.lower() for name, row in by_name.items() if row["is_aggregate"]}
        plain = {
            name.lower()
            for name, row in by_name.items()
            if not row["is_aggregate"] and _is_allowed(by_name.get(row["alias_to"], row))
        }
        return cls(frozenset(plain | aggregates | _SYNTAX), frozenset(aggregates), frozenset(name.lower() for name in by_name))

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
