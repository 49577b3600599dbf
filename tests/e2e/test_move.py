"""``millrace move``: a folder of one machine goes to Kafka and a ClickHouse server, whole and once."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from millrace_core.time import now_ms
from tests.support import figures
from tests.support.checker import assert_exact
from tests.support.commands import millrace, started
from tests.support.distributed import Distributed
from tests.support.kafka_mock import MockKafka
from tests.support.postgres import Postgres
from tests.support.server import Server
from tests.support.writers import CurrentUrl, Writers


async def _write(writers: Writers, seconds: float) -> None:
    enough = asyncio.Event()
    writing = asyncio.create_task(writers.write(writers=3, batch_events=60, enough=enough))
    await asyncio.sleep(seconds)
    enough.set()
    await writing


def _to(log: str, warehouse: str, records: str) -> Sequence[str]:
    return "--to-log", log, "--to-warehouse", warehouse, "--to-records", records


@pytest.mark.minutes
async def test_a_folder_moves_whole_and_once_however_often_the_move_is_killed(
    kafka: MockKafka, postgresql: Postgres, tmp_path: Path
) -> None:
    kafka.topic("moved", 3)
    kafka.topic("moved.dlq", 1)
    platform = Distributed(tmp_path, f"kafka://{kafka.brokers}/moved", {"MILLRACE_RECORDS_URL": postgresql.url})
    server = Server(tmp_path / "embedded")
    url = CurrentUrl(server.url)
    writers = Writers(url, tmp_path / "acked", figures.seed(), now_ms())
    to = _to(f"kafka://{kafka.brokers}/moved", platform.clickhouse.writer_url, postgresql.url)
    try:
        server.start()
        assert millrace("tenant", "set", "fault_a", "--tier", "enterprise", "--data-dir", server.data_dir).code == 0
        assert millrace("key", "create", "fault_a", "--name", "shop page", "--data-dir", server.data_dir).code == 0
        await _write(writers, 3.0)
        server.kill()  # in the middle of a batch
        moved = len(writers.sent.acknowledged)
        await asyncio.to_thread(platform.start)
        for seconds in (2.5, 3.5, 4.5):
            with started("move", *to, "--data-dir", server.data_dir) as moving:
                await asyncio.sleep(seconds)
                moving.kill()
                moving.communicate()
        done = await asyncio.to_thread(millrace, "move", *to, "--data-dir", server.data_dir)
        assert done.code == 0, done.err
        assert done.out.startswith(f"{moved:,} events there were, {moved:,} arrived; 0 dead letters.")

        # Clients go on at the new place, also with what they sent before.
        await asyncio.to_thread(platform.consumer.stop)
        await asyncio.to_thread(platform.consumer.start)
        url.value = platform.ingestion.url
        await _write(writers, 2.0)
        await platform.until_stored(["fault_a", "fault_b"], len(writers.sent.events))
        again = await asyncio.to_thread(millrace, "move", *to, "--data-dir", server.data_dir)
        assert again.code == 0, again.err
        assert "enterprise" in millrace("tenant", "show", "fault_a", "--data-dir", platform.consumer.data_dir).out
        assert "shop page" in millrace("key", "list", "--data-dir", platform.consumer.data_dir).out
        assert list(await asyncio.to_thread(platform.stop)) == [0, 0, 0]
    finally:
        if server.running:
            server.kill()
        platform.kill()
    assert_exact(writers.sent, await asyncio.to_thread(platform.stored))


@pytest.mark.minutes
def test_what_cannot_be_moved_is_one_line(tmp_path: Path) -> None:
    nowhere = (
        "kafka://127.0.0.1:1/moved",
        "clickhouse://writer:secret@127.0.0.1:1/analytics",
        "postgresql://a:secret@127.0.0.1:1/b",
    )
    to = _to(*nowhere)
    nothing = millrace("move", *to, "--data-dir", tmp_path)
    assert (nothing.code, nothing.err) == (
        2,
        f"millrace: {tmp_path} holds no log: name the folder of `millrace up` with --data-dir\n",
    )
    wrong = millrace("move", *_to("sqlite:///x", *nowhere[1:]), "--data-dir", tmp_path)
    assert (wrong.code, wrong.err) == (2, "millrace: --to-log has to be kafka://<host>:<port>/<topic>\n")
    server = Server(tmp_path / "running")
    server.start()
    try:
        running = millrace("move", *to, "--data-dir", server.data_dir)
    finally:
        server.stop()
    assert running.code == 2
    assert str(server.pid) in running.err
    unreached = millrace("move", *to, "--data-dir", server.data_dir)
    assert (unreached.code, unreached.err.count("\n")) == (2, 1)
    assert "secret" not in unreached.err
