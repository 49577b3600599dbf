"""How often a tenant may ask. Answers that are shared or cached are not asked for, and do not count."""

import math
from typing import Final

from millrace_core import metrics as names
from millrace_core.errors import TooManyRequests
from millrace_records.cache.ports import Limits, Rate
from millrace_service.metrics import Metrics

_MINUTE: Final = 60.0


class AskingLimit:
    """One kind of question.

    Args:
        scope: what is asked, as it stands in the metric and in keys of the cache.
        amount: how many a tenant may ask; 0 is no limit.
        seconds: in how long a time.
    """

    def __init__(self, limits: Limits, metrics: Metrics, scope: str, amount: int, seconds: float = _MINUTE) -> None:
        self._limits = limits
        self._metrics = metrics
        self._scope = scope
        self._amount = amount
        self._seconds = seconds

    async def take(self, tenant: str) -> None:
        """Count a question.

        Raises:
            TooManyRequests: ``asking_rate_limited``: it may not be asked now.
        """
        if not self._amount:
            return
        waits = await self._limits.take(f"{self._scope}:{tenant}", 1, Rate(self._amount, self._seconds))
        if waits:
            self._metrics.counter(names.RATE_LIMITED, self._scope).inc()
            raise TooManyRequests(
                f"{tenant} may ask {self._amount:,} times in {self._seconds:,.0f} seconds",
                code="asking_rate_limited",
                retry_after=math.ceil(waits),
                limit=self._amount,
            )
