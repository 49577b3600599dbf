"""Who a name is by ``identity_links``, in SQL: one rule for questions and for the views of the gate."""

from typing import Final

LINKS_FOLLOWED: Final = 2
"""From a name on: its user, and the id that this user was given by ``alias``. An even number, so that two users who were given
each other's id stay the two that they are. More of them make the tree of a statement too big: the engine takes 50,000 nodes,
and has those of :func:`known` once for each time that a person is named."""


def known(where: str = "") -> str:
    """A scalar: of each name that was linked, and in the same order, who that is. The latest link of a name holds.

    It is read once and needs no join of every event; on a cluster it is sent along.

    Args:
        where: a condition of the links; empty where something else sees to the tenant.
    """
    latest = (
        "(SELECT visitor_id, argMax(user_id, (timestamp, event_id)) AS linked FROM identity_links "
        f"{f'WHERE {where} ' if where else ''}GROUP BY visitor_id)"
    )
    return (
        "(SELECT (groupArray(one.visitor_id), groupArray(if(again.linked = '', one.linked, again.linked))) "
        f"FROM {latest} AS one LEFT JOIN {latest} AS again ON again.visitor_id = one.linked)"
    )


def person_of(known_people: str, prefix: str = "") -> str:
    """Whose an event is: the person of its visitor where that is linked, else of its user, else the visitor; empty where it
    names nobody.

    Args:
        known_people: the name of :func:`known`.
        prefix: before columns.
    """
    visitor, user = f"{prefix}visitor_id", f"{prefix}user_id"
    named = f"if({user} = '', {visitor}, transform({user}, {known_people}.1, {known_people}.2, {user}))"
    return f"transform({visitor}, {known_people}.1, {known_people}.2, {named})"
