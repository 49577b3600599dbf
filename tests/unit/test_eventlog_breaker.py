"""The circuit breaker before Kafka."""

from millrace_eventlog.spill.breaker import Breaker


def test_it_opens_at_the_failure_that_is_one_too_many_and_closes_at_a_success() -> None:
    told: list[bool] = []
    breaker = Breaker(3, told.append)
    for outcome in (breaker.failed, breaker.failed, breaker.succeeded, breaker.failed, breaker.failed):
        outcome()
    assert (breaker.is_open, told) == (False, [])
    breaker.failed()
    breaker.failed()
    assert (breaker.is_open, told) == (True, [True])
    breaker.succeeded()
    breaker.succeeded()
    assert (breaker.is_open, told) == (False, [True, False])
