"""Corrections of dead letters, judged by the warehouse that would store them."""

import json

import pytest

from millrace_core.errors import InvalidInput
from millrace_core.time import now_ms
from millrace_eventlog.records import DeadLetter
from millrace_standalone.corrections import corrected
from tests.support.pipeline import record
from tests.support.warehouse import OpenWarehouse


async def test_a_correction_that_the_warehouse_would_refuse_again_is_refused_at_once(warehouse: OpenWarehouse) -> None:
    good = record(1, tenant="mine")
    said = {**json.loads(good.line), "timestamp": "soon", "properties": {"n": 1.50}}
    place = (0, 1001, 0)
    letter = DeadLetter(
        *place, "mine", good.event_id, "refused_by_warehouse", "insert", "no time", json.dumps(said).encode(), 1, now_ms()
    )
    line = {**json.loads(letter.line), "timestamp": "2026-02-16 12:00:00.000", "country": "DE"}
    probe, command = warehouse.writer.probe, warehouse.connection.command
    await command("ALTER TABLE events_probe MODIFY COLUMN country UInt16")  # the text of a country is none
    try:
        with pytest.raises(InvalidInput, match="would refuse this, too") as refusal:
            await corrected(letter, json.dumps(line), probe)
    finally:
        await command("ALTER TABLE events_probe MODIFY COLUMN country LowCardinality(String)")
    assert refusal.value.code == "refused_by_warehouse"
    assert json.loads(await corrected(letter, json.dumps(line, indent=4), probe)) == line
