"""What both clients share: making events of calls, without ever raising into the application."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Unpack

from millrace_client.buffer import Buffer
from millrace_client.delivery import Delivery
from millrace_client.errors import Failure, Stats
from millrace_client.events import Common, Fields, Item, make_item
from millrace_client.options import Options, base_url, headers, log


class Tracker(ABC):
    """``track``, ``page`` and ``identify``. None of them raises or waits, whatever happens to the event; ``stats`` and
    ``on_failure`` tell.

    Args:
        url: of the server, for example ``https://events.example.com``.
        key: an API key; none for a server in open mode.
        customer_id: the tenant of events and questions that name none. With a key it is the key's own.
        options: how it batches, waits and gives up.

    Raises:
        ValueError: the URL is none.
    """

    def __init__(
        self, url: str, key: str | None = None, *, customer_id: str | None = None, options: Options | None = None
    ) -> None:
        self._url = base_url(url)
        self._headers = headers(key)
        self._customer_id = customer_id
        self._options = options or Options()
        self._buffer = Buffer(self._options)
        self._delivery = Delivery(self._buffer, self._options)
        self._ends_here = False

    def track(self, event_type: str, properties: Mapping[str, Any] | None = None, **fields: Unpack[Common]) -> str | None:
        """Something happened.

        Args:
            event_type: what, for example ``button_click``.
            properties: what more there is to say, anything that JSON can hold.
            fields: who, where and when (``Common``).

        Returns:
            The id under which the event is stored; None where it was not taken.
        """
        try:
            item = self._item(event_type, properties, fields)
            return item.event_id if item is not None and self._buffer.put(item, self._wake) else None
        except Exception:  # noqa: BLE001 -- the last resort: an application is never harmed by what counts its clicks
            log.exception("an event was not tracked")
            return None

    def page(
        self,
        page: str | None = None,
        *,
        title: str | None = None,
        properties: Mapping[str, Any] | None = None,
        **fields: Unpack[Common],
    ) -> str | None:
        """A page was viewed; the event has the type ``page_view``.

        Args:
            page: its path, for example ``/pricing``; taken from ``page_url`` when not given.
            title: its title.
        """
        said = {name: value for name, value in (("page", page), ("title", title)) if value is not None}
        return self.track("page_view", {**said, **(properties or {})}, **fields)

    def identify(self, user_id: str, traits: Mapping[str, Any] | None = None, **fields: Unpack[Fields]) -> str | None:
        """The visitor is this user; the event has the type ``identify`` and the traits as its properties.

        Args:
            user_id: who logged in.
            traits: what is known of them, for example ``plan``.
        """
        return self.track("identify", traits, user_id=user_id, **fields)

    def stats(self) -> Stats:
        """What became of the events so far."""
        return self._buffer.stats()

    def _item(self, event_type: str, properties: Mapping[str, Any] | None, fields: Common) -> Item | None:
        if self._customer_id is not None and fields.get("customer_id") is None:
            fields["customer_id"] = self._customer_id
        try:
            return make_item(event_type, properties, fields)
        except Exception as error:  # noqa: BLE001 -- what the values themselves raise when they are written as text
            self._buffer.refuse(Failure("", "not_json", f"{event_type!r:.100} is no event: {error!r:.500}", {}))
            return None

    @abstractmethod
    def _wake(self) -> None:
        """Let the sender look: called when the first event waits, and when a batch is full."""
