"""What a process tells of its machine."""

from pathlib import Path

import pytest

from millrace_service.machine import limit_files, memory_limit, tell_machine
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


@pytest.mark.parametrize(
    ("said", "files"),
    [
        ("0::/system.slice/run-1.scope\n", ["system.slice/run-1.scope", "system.slice", ""]),
        ("0::/\n", [""]),
        ("5:cpu:/a\n4:memory,hugetlb:/docker/b\n0::/\n", ["memory/docker/b", "memory/docker", "memory", ""]),
        ("", []),
    ],
)
def test_the_limits_of_all_groups_around_the_process_hold(said: str, files: list[str], tmp_path: Path) -> None:
    own = tmp_path / "cgroup"
    own.write_text(said)
    found = limit_files(own, tmp_path)
    names = [tmp_path / one / ("memory.limit_in_bytes" if one.startswith("memory") else "memory.max") for one in files]
    assert found == names
    for number, one in enumerate(found):
        one.parent.mkdir(parents=True, exist_ok=True)
        one.write_text(str(1_000_000 + number))
    assert memory_limit(found) == (1_000_000 if found else _MACHINE)


def test_there_are_no_groups_where_the_system_has_none(tmp_path: Path) -> None:
    assert limit_files(tmp_path / "none", tmp_path) == []


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
