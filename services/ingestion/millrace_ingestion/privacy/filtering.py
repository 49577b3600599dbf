"""What of an event its tenant, and the browser that sent it, do not want to be stored."""

from collections.abc import Mapping, Sequence

import structlog

from millrace_core.errors import MillraceError
from millrace_core.privacy import Signals, field_of
from millrace_ingestion.privacy.anonymous import ABOUT_PEOPLE, anonymous
from millrace_ingestion.privacy.rules import FieldRules
from millrace_ingestion.protocols.native import NativeEvent
from millrace_ingestion.senders import Sender
from millrace_records.ports import Tenant

_log = structlog.get_logger("millrace.ingestion")


class LeftOut(Exception):
    """The event is not stored, as its browser wishes: nothing is wrong with it."""


class Filtering:
    """The wishes of all tenants.

    Args:
        signals: what becomes of events of browsers that object, of tenants that say nothing else.
    """

    def __init__(self, signals: Signals) -> None:
        self._signals = signals
        self._own: Mapping[str, Signals] = {}
        self.rules: Mapping[str, FieldRules] = {}

    def settle(self, tenants: Sequence[Tenant]) -> None:
        """These are everyone's settings from now on."""
        self._own = {tenant.name: tenant.signals for tenant in tenants if tenant.signals is not None}
        self.rules = {tenant.name: _rules(tenant) for tenant in tenants if tenant.denied or tenant.hashed}

    def filtered(self, tenant: str, event: NativeEvent, sender: Sender) -> tuple[NativeEvent, Sender] | None:
        """The event and its sender as they may be stored; None where nothing has to be left out.

        Raises:
            LeftOut: all of it.
        """
        rules = self.rules.get(tenant)
        signals = self._own.get(tenant, self._signals) if sender.objects else "ignore"
        if signals == "ignore" and rules is None:
            return None
        if signals == "drop" or (signals == "anonymous" and event.event_type in ABOUT_PEOPLE):
            raise LeftOut
        if rules is not None:
            event = rules.applied(event)
        is_anonymous = signals == "anonymous"
        without_address = is_anonymous or (rules is not None and rules.without_address)
        sender = sender.filtered(without_address=without_address, is_anonymous=is_anonymous)
        return (anonymous(event) if is_anonymous else event), sender


def _rules(tenant: Tenant) -> FieldRules:
    """Its rules; those that a newer version wrote and this one cannot read take nothing else along."""
    denied = [name for name in tenant.denied if _is_known(tenant.name, name, hashed=False)]
    hashed = [name for name in tenant.hashed if _is_known(tenant.name, name, hashed=True)]
    return FieldRules(denied, hashed, tenant.hash_secret)


def _is_known(tenant: str, name: str, *, hashed: bool) -> bool:
    try:
        field_of(name, hashed=hashed)
    except MillraceError:
        _log.error("field_not_known", tenant=tenant, field=name)
        return False
    return True
