"""The engine in the process: when it runs, and what its start clears away."""

from pathlib import Path

from millrace_service.metrics import Metrics
from millrace_warehouse.chdb.engine import ChdbEngine


async def test_the_engine_runs_on_between_connections_and_lets_go_of_its_folder_at_the_end(tmp_path: Path) -> None:
    for name in ("one", "other"):  # a process opens no second folder while it has one
        engine = await ChdbEngine.open(tmp_path / name, Metrics())
        first = await engine.admin()
        await first.command("CREATE TABLE seen (n UInt8) ENGINE = Memory")  # a restart would lose its rows
        await first.command("INSERT INTO seen VALUES (1)")
        await first.close()
        second = await engine.admin()
        assert await second.text("SELECT n FROM seen") == "1"
        await second.close()
        await engine.close()


async def test_a_start_lets_go_of_what_a_killed_backup_has_frozen(tmp_path: Path) -> None:
    shadow = tmp_path / "warehouse" / "engine" / "shadow"
    for name in ("millrace%2D00ff", "millrace00ff", "theirs"):
        (shadow / name / "store").mkdir(parents=True)
    engine = await ChdbEngine.open(tmp_path / "warehouse", Metrics())
    await engine.close()
    assert {path.name for path in shadow.iterdir() if path.is_dir()} == {"theirs"}
