"""Generated filters of events."""

from hypothesis import strategies as st

from tests.support.metric_events import TEXTS

FIELDS = ("event_type", "country", "visitor_id", "person", "properties.plan", "properties.amount", "is_bot", "hour_of_day")
_TEXTS = st.sampled_from([one for one in TEXTS if one] + ["DE", "page_view", "v1", "u1"])
_COMPARISONS = st.one_of(
    st.fixed_dictionaries(
        {
            "field": st.sampled_from(["event_type", "country", "person", "properties.plan"]),
            "operator": st.sampled_from(["eq", "ne", "lt", "ge", "contains", "not_contains", "starts_with", "ends_with"]),
            "value": _TEXTS,
            "ignore_case": st.booleans(),
        }
    ),
    st.fixed_dictionaries(
        {
            "field": st.sampled_from(["properties.amount", "properties.plan", "hour_of_day", "order_value"]),
            "operator": st.sampled_from(["eq", "ne", "lt", "le", "gt", "ge"]),
            "value": st.sampled_from([5, 5.5, -3, 0]),
        }
    ),
    st.fixed_dictionaries({"field": st.sampled_from(["is_bot", "properties.plan"]), "value": st.booleans()}),
    st.fixed_dictionaries(
        {
            "field": st.sampled_from(["country", "properties.plan", "person"]),
            "operator": st.sampled_from(["in", "not_in"]),
            "value": st.lists(_TEXTS, max_size=3),
        }
    ),
    st.fixed_dictionaries(
        {"field": st.sampled_from(["properties.amount"]), "operator": st.just("between"), "value": st.just([-3, 5])}
    ),
    st.fixed_dictionaries({"field": st.sampled_from(FIELDS), "operator": st.sampled_from(["is_set", "is_not_set"])}),
    st.just({"field": "properties.plan", "operator": "matches", "value": "^[fp]r", "ignore_case": True}),
    st.sampled_from([{"segment": "buyers"}, {"segment": "non_buyers"}, {"segment": "signed_in"}]),
)
FILTERS = st.recursive(
    _COMPARISONS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda some: {"all": some}),
        st.lists(inner, min_size=1, max_size=3).map(lambda some: {"any": some}),
        inner.map(lambda one: {"not": one}),
        st.tuples(inner, st.integers(0, 2), st.integers(0, 2)).map(
            lambda made: {"did": made[0], "at_least": made[1], "at_most": made[1] + made[2]}
        ),
    ),
    max_leaves=4,
)
