"""What a process tells of its machine."""

from pathlib import Path

import pytest

from millrace_service.machine import memory_limit, tell_machine
from millrace_service.metrics import Metrics

_MACHINE = memory_limit(())


@pytest.mark.parametrize(
    ("said", "limit"), [("1000000\n", 1_000_000), ("max\n", _MACHINE), (str(2**63), _MACHINE), (None, _MACHINE)]
)
def test_memory_ends_at_the_containers_limit_or_at_the_machines(said: str | None, limit: int, tmp_path: Path) -> None:
    group = tmp_path / "memory.max"
    if said is not None:
        group.write_text(said)
    assert memory_limit((group,)) == limit


def test_the_second_kind_of_group_is_asked_where_the_first_is_not_there(tmp_path: Path) -> None:
    second = tmp_path / "limit_in_bytes"
    second.write_text("2000000")
    assert memory_limit((tmp_path / "none", second)) == 2_000_000


def test_the_disk_of_a_folder_that_is_not_made_yet_is_its_parents(tmp_path: Path) -> None:
    metrics = Metrics()
    tell_machine(metrics, tmp_path / "not" / "yet", "1.2.3")
    free = metrics.registry.get_sample_value("millrace_disk_free_bytes") or 0.0
    size = metrics.registry.get_sample_value("millrace_disk_size_bytes") or 0.0
    assert 0 < free <= size
    assert metrics.registry.get_sample_value("millrace_build_info", {"version": "1.2.3"}) == 1


def test_what_has_few_values_is_told_before_the_first_of_it() -> None:
    told = Metrics().registry.get_sample_value
    assert told("millrace_deadletter_events_total", {"reason": "damaged_in_log"}) == 0
    assert told("millrace_llm_requests_total", {"result": "budget"}) == 0
