"""How often a tenant may ask."""

import pytest

from millrace_analytics.asking.limits import AskingLimit
from millrace_core.errors import TooManyRequests
from millrace_records.cache.memory import MemoryCache
from millrace_service.metrics import Metrics
from millrace_web.errors import error_headers, status_of


async def test_a_question_beyond_the_limit_waits_and_other_tenants_do_not() -> None:
    metrics, clock = Metrics(), [0.0]
    limit = AskingLimit(MemoryCache(10_000, clock=lambda: clock[-1]), metrics, "sql", 120)
    for _ in range(120):
        await limit.take("shop")
    with pytest.raises(TooManyRequests) as refused:
        await limit.take("shop")
    await limit.take("blog")
    headers = error_headers(refused.value)
    assert status_of(refused.value) == 429
    assert refused.value.code == "asking_rate_limited"
    assert headers == {
        "Retry-After": headers["X-RateLimit-Reset"],
        "X-RateLimit-Limit": "120",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": "1",
    }
    clock.append(1.0)
    await limit.take("shop")
    assert metrics.registry.get_sample_value("millrace_rate_limited_total", {"scope": "sql"}) == 1


async def test_without_a_limit_every_question_is_answered() -> None:
    limit = AskingLimit(MemoryCache(10_000), Metrics(), "sql", 0)
    for _ in range(1000):
        await limit.take("shop")
