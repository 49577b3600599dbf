"""What people may do with SQL on one tenant's rows: values of placeholders, views, limits, files, a look without asking."""

import asyncio
import csv
import io
import json
from typing import Any, assert_never

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from millrace_core.errors import QueryError, TooManyRequests
from millrace_warehouse.clickhouse.engine import Engine
from millrace_warehouse.ports import TenantWarehouse
from millrace_warehouse.statement_ports import FileForm, Rows, Values
from tests.support.warehouse import ON_BOTH, OpenWarehouse, event_line
from tests.support.worlds import open_reads

pytestmark = ON_BOTH


async def asked(engine: Engine, sql: str, values: Values | None = None, **limits: Any) -> list[dict[str, Any]]:
    """The rows that a statement of the tenant ``demo`` answers."""
    async with open_reads(engine, **limits) as reads:
        return (await reads.of("demo").ask(sql, values)).dicts()


async def _store(warehouse: OpenWarehouse, *events: dict[str, Any]) -> None:
    lines = [event_line(number, **event) + b"\n" for number, event in enumerate(events)]
    await warehouse.writer.insert(b"".join(lines), "t")


def _at(time: str, **event: Any) -> dict[str, Any]:
    return {"timestamp": f"2026-03-{time}:00.000", "user_id": "", **event}


@pytest.mark.parametrize(
    ("sql", "values", "row"),
    [
        ("SELECT ? AS a, ? AS b", ["it's", -3], {"a": "it's", "b": -3}),
        ("SELECT 'a?' AS a, /* ? */ ? AS `b?` -- ?", [1.5], {"a": "a?", "b?": 1.5}),
        ("SELECT 2 IN ? AS a, ? AS b", [[1, 2], None], {"a": 1, "b": None}),
        ("SELECT 1 ? 2 : 3 AS a", None, {"a": 2}),
        ("SELECT {n:UInt8} + {n:UInt8} AS a, {t:DateTime} AS t", {"n": "7", "t": "2026-01-02 03:04:05"},
         {"a": 14, "t": "2026-01-02T03:04:05Z"}),
        ("SELECT {list:Array(String)} AS a", {"list": ["x", "'); DROP TABLE events_raw --"]},
         {"a": ["x", "'); DROP TABLE events_raw --"]}),
        ("SELECT {flag:Bool} AS a, {none:Nullable(UInt8)} AS b", {"flag": True, "none": None}, {"a": True, "b": None}),
    ],
)  # fmt: skip
async def test_values_take_the_places_of_placeholders(engine: Engine, sql: str, values: Values, row: dict[str, Any]) -> None:
    assert await asked(engine, sql, values) == [row]


@pytest.mark.parametrize(
    ("sql", "values", "told"),
    [
        ("SELECT ?, ?", [1], "2 placeholders"),
        ("SELECT 1", [1], "0 placeholders"),
        ("SELECT {a:String}", None, "no value for a"),
        ("SELECT {a:String}", {"a": "x", "b": 1}, "no {b"),
        ("SELECT {a:Identifier} FROM events_raw", {"a": "key_id"}, "a name of a table or column"),
        ("SELECT * FROM {a:Identifier}", {"a": "events_raw"}, "a name of a table or column"),
        ("SELECT ?", [{"a": 1}], "a value is a text"),
        ("SELECT ?", [2**64], "a value is a text"),
        ("SELECT ?", ["\ud800"], "a value is a text"),
        ("SELECT {x:UInt8}", {"x": 300}, "x is of the type UInt8, of which a value is a whole number from 0 to 255"),
        ("SELECT {i:Int32}", {"i": "99999999999"}, "from -2147483648 to 2147483647"),
        ("SELECT {d:Date}", {"d": "2026-13-01"}, "a day from 1970-01-01"),
        ("SELECT {d:DateTime64(3, 'UTC')}", {"d": "2026-02-30 00:00:00"}, "a time from 1900"),
        ("SELECT {a: Array(Nullable(UInt8))}", {"a": [1, None, 256]}, "from 0 to 255"),
        ("SELECT {e:Enum8('a' = 1, 'b' = 2)}", {"e": "c"}, "one of a, b"),
        ("SELECT ?, ?", [], "the statement has 2 placeholders ?, and no list of values came with it"),
        ("SELECT ?", None, "the statement has 1 placeholder ?, and no list"),
        ("SELECT '?', ? /* ? */", {"a": 1}, "the statement has 1 placeholder ?, and no list"),
    ],
)
async def test_values_that_do_not_fit_are_refused(engine: Engine, sql: str, values: Values, told: str) -> None:
    with pytest.raises(QueryError) as refused:
        await asked(engine, sql, values)
    assert refused.value.code == "invalid_parameters"
    assert told in refused.value.message


async def test_the_type_of_a_placeholder_opens_nothing(engine: Engine) -> None:
    with pytest.raises(QueryError) as refused:
        await asked(engine, "SELECT {a:AggregateFunction(uniq, String)}", {"a": "x"})
    assert refused.value.code == "sql_not_allowed"


async def test_any_text_stays_a_value(engine: Engine) -> None:
    """A law, over texts that hypothesis makes up: what goes in comes out."""
    async with open_reads(engine) as reads:
        tenant, loop = reads.of("demo"), asyncio.get_running_loop()

        async def answered(text: str) -> list[Any]:
            return list((await tenant.ask("SELECT ? AS a", [text])).rows[0])

        @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
        def law(text: str) -> None:
            assert asyncio.run_coroutine_threadsafe(answered(text), loop).result(30) == [text]

        await asyncio.to_thread(law)


@pytest.mark.parametrize("length", [1, 60_000], ids=["short", "long"])
async def test_a_text_of_a_statement_reaches_the_engine_as_it_is(engine: Engine, length: int) -> None:
    text = "'; SELECT \\ \n {a:String} `\" é 𝄞" * (length // 27 + 1)
    literal = text.replace("\\", "\\\\").replace("'", "\\'")
    assert await asked(engine, f"SELECT '{literal}' AS a") == [{"a": text}]


async def test_a_statement_whose_bytes_are_no_text_is_refused(engine: Engine) -> None:
    for sql in (r"SELECT 'a\xff'", "SELECT '\ud800'"):
        with pytest.raises(QueryError, match="not UTF-8"):
            await asked(engine, sql)


@pytest.mark.parametrize(
    "number", ["1e20", "-1e20", "18446744073709551616", "1e19", "18446744073709551615", "-9223372036854775808"]
)
async def test_numbers_of_any_size_are_numbers(engine: Engine, number: str) -> None:
    [row] = await asked(engine, f"SELECT toString({number}) AS text")
    assert float(row["text"]) == float(number)


async def test_sessions_end_at_a_pause_and_follow_the_person(warehouse: OpenWarehouse) -> None:
    await _store(
        warehouse,
        _at("01 10:00", visitor_id="phone", page_path="/in", utm_source="mail"),
        _at("01 10:30", visitor_id="phone", page_path="/out"),  # 30 minutes are no pause yet
        _at("01 11:01", visitor_id="laptop"),  # 31 are, and the laptop is the same person's
        _at("01 11:05", visitor_id="phone", event_type="identify", user_id="ann"),
        _at("01 11:06", visitor_id="laptop", event_type="alias", user_id="ann"),
        _at("01 11:02", visitor_id="other", event_type="click"),
    )
    columns = "person_id, started_at, duration_seconds, events, page_views, entry_page, exit_page, utm_source, is_bounce"
    found = await asked(warehouse.engine, f"SELECT {columns} FROM sessions ORDER BY started_at, person_id")

    assert [list(row.values()) for row in found] == [
        ["ann", "2026-03-01T10:00:00.000Z", 1800, 2, 2, "/in", "/out", "mail", 0],
        ["ann", "2026-03-01T11:01:00.000Z", 300, 3, 1, "/", "/", "", 0],
        ["other", "2026-03-01T11:02:00.000Z", 0, 1, 0, "/", "/", "", 1],
    ]


async def test_a_session_without_a_pause_is_cut_after_a_day(warehouse: OpenWarehouse) -> None:
    minutes = range(0, 60 * 24 + 41, 20)
    await _store(
        warehouse,
        *(_at(f"{1 + at // 1440:02d} {at % 1440 // 60:02d}:{at % 60:02d}", visitor_id="v", session_id="s") for at in minutes),
    )
    found = await asked(warehouse.engine, "SELECT started_at, events FROM sessions ORDER BY started_at")

    assert [list(row.values()) for row in found] == [["2026-03-01T00:00:00.000Z", 72], ["2026-03-02T00:00:00.000Z", 3]]


async def test_users_are_persons_with_their_latest_traits(warehouse: OpenWarehouse) -> None:
    await _store(
        warehouse,
        _at("01 10:00", visitor_id="phone", country="DE", channel="email"),
        _at("02 10:00", visitor_id="phone", event_type="identify", user_id="ann", properties={"plan": "free"}),
        _at("03 10:00", visitor_id="laptop", event_type="identify", user_id="ann", properties={"plan": "pro"}, country="FR"),
        _at("03 11:00", visitor_id="passer-by"),
        _at("03 12:00", visitor_id="", session_id="s"),  # nobody
    )
    columns = (
        "person_id, is_identified, visitors, active_days, events, first_channel, country, JSONExtractString(traits, 'plan')"
    )
    found = await asked(warehouse.engine, f"SELECT {columns} FROM users ORDER BY person_id")

    assert [list(row.values()) for row in found] == [
        ["ann", 1, 2, 3, 3, "email", "FR", "pro"],
        ["passer-by", 0, 1, 1, 1, "", "", ""],
    ]


async def test_conversations_are_put_together_from_their_events(warehouse: OpenWarehouse) -> None:
    def said(at: str, kind: str, conversation: str, **properties: Any) -> dict[str, Any]:
        given = {"conversation_id": conversation, "bot_id": "bot_123", **properties}
        return _at(at, event_type=kind, visitor_id="v", properties=given)

    await _store(
        warehouse,
        said("01 10:00", "conversation_started", "one", topic="billing"),
        said("01 10:01", "message", "one", role="user"),
        said("01 10:01", "message", "one", role="bot", response_time_ms=200),
        said("01 10:02", "message", "one", role="bot", response_time_ms=400, fallback=True),
        said("01 10:05", "conversation_completed", "one", duration_seconds=360.5, resolved=True),
        said("01 10:06", "feedback", "one", satisfaction=4),
        said("02 10:00", "message", "two", role="user"),
        said("02 10:01", "conversation_completed", "two", resolved=False),
        said("03 10:00", "conversation_started", "three"),
    )
    columns = (
        "conversation_id, topic, is_completed, duration, messages, bot_messages, average_response_time_ms, fallbacks, "
        "resolved, satisfaction"
    )
    found = await asked(warehouse.engine, f"SELECT {columns} FROM conversations ORDER BY conversation_id")
    documented = await asked(
        warehouse.engine,
        "SELECT COUNT(*) as total, AVG(duration) as avg_duration FROM conversations WHERE bot_id = ? AND date >= ?",
        ["bot_123", "2026-03-02"],
    )

    assert [list(row.values()) for row in found] == [
        ["one", "billing", 1, 360.5, 3, 2, 300, 1, True, 4],
        ["three", "", 0, None, 0, 0, None, 0, None, None],
        ["two", "", 1, 60, 1, 0, None, 0, False, None],
    ]
    assert documented == [{"total": 2, "avg_duration": 60}]


async def test_an_answer_with_more_rows_or_bytes_than_allowed_says_that_it_is_cut(engine: Engine) -> None:
    async with open_reads(engine, query_result_rows=5, query_result_bytes=2**10) as reads:
        whole = await reads.of("demo").ask("SELECT number FROM numbers(5) ORDER BY number")
        rows = await reads.of("demo").ask("SELECT number FROM (SELECT number FROM numbers(100)) ORDER BY number DESC")
        wide = await reads.of("demo").ask("SELECT number, repeat('x', 400) FROM numbers(5) ORDER BY number")
        counted = await reads.of("demo").ask("SELECT count() FROM (SELECT number FROM numbers(100))")

    assert (len(whole.rows), whole.truncated) == (5, False)
    assert ([row[0] for row in rows.rows], rows.truncated) == ([99, 98, 97, 96, 95], True)
    assert ([row[0] for row in wide.rows], wide.truncated) == ([0, 1], True)
    assert (counted.rows[0][0], counted.truncated) == (100, False)


@pytest.mark.parametrize("form", ["csv", "jsonl", "arrow", "parquet"])
async def test_a_file_has_every_row(engine: Engine, form: FileForm) -> None:
    sql = "SELECT number AS n, concat('a\"', toString(number)) AS t, [number] AS l FROM numbers(200000) ORDER BY n"
    async with open_reads(engine) as reads:
        statements = reads.of("demo").statements
        pieces = [piece async for piece in statements.file(await statements.prepare(sql), form)]
    rows = _read(form, b"".join(pieces))

    assert len(pieces) > 1
    assert len(rows) == 200_000
    assert rows[70_000][:2] == [70_000, 'a"70000']


def _read(form: FileForm, content: bytes) -> list[list[Any]]:
    match form:
        case "csv":
            head, *lines = csv.reader(io.StringIO(content.decode()))
            assert head == ["n", "t", "l"]
            return [[int(line[0]), line[1], line[2]] for line in lines]
        case "jsonl":
            return [list(json.loads(line).values()) for line in content.splitlines()]
        case "arrow":
            table: Any = pa.ipc.open_stream(content).read_all()
        case "parquet":
            table = pq.read_table(io.BytesIO(content))
        case _:
            assert_never(form)
    return [list(row.values()) for row in table.to_pylist()]


@pytest.mark.parametrize("form", ["csv", "jsonl", "arrow", "parquet"])
async def test_a_file_that_would_lack_rows_is_an_error_and_hinders_nobody_after_it(engine: Engine, form: FileForm) -> None:
    async with open_reads(engine, query_file_rows=1000) as reads:
        statements = reads.of("demo").statements
        with pytest.raises(QueryError) as refused:
            async for _ in statements.file(await statements.prepare("SELECT number FROM numbers(500000)"), form):
                pass
        again = await reads.of("demo").ask("SELECT 'clean' AS word")

    assert refused.value.code == "result_too_large"
    assert list(again.rows) == [["clean"]]


async def test_a_statement_that_nobody_waits_for_is_ended(engine: Engine) -> None:
    async with open_reads(engine, query_concurrency_per_tenant=1) as reads:
        statements = reads.of("demo").statements
        heavy = await statements.prepare("SELECT sum(sipHash64(sipHash64(number, 1), 2)) FROM numbers(400000000)")
        with pytest.raises(QueryError) as late:
            await statements.run(heavy, seconds=0.2)
        answer = await _as_soon_as_it_may(reads.of("demo"))

    assert late.value.code == "query_timeout"
    assert list(answer.rows) == [[1]]


async def _as_soon_as_it_may(tenant: TenantWarehouse) -> Rows:
    """The tenant's only turn is free again when the engine has ended the statement before."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await tenant.ask("SELECT 1")
            except TooManyRequests:
                await asyncio.sleep(0.02)


async def test_a_look_tells_tables_columns_and_rows_and_asks_nothing(warehouse: OpenWarehouse) -> None:
    await _store(
        warehouse,
        *(_at(f"0{1 + number % 2} 1{number % 3}:00", event_type=("page_view", "click")[number % 2]) for number in range(12)),
    )
    async with open_reads(warehouse.engine) as reads:
        look = reads.of("demo").statements.describe
        all_rows = await look("SELECT event_type, count() AS c FROM events_raw GROUP BY event_type")
        some = await look("SELECT 1 FROM events_raw WHERE event_type = ? AND timestamp >= '2026-03-01 11:10:00'", ["page_view"])
        days = await look("SELECT 1 FROM events_raw WHERE toDate(timestamp) = '2026-03-02'")
        twice = await look("SELECT a.visitor_id FROM events_raw AS a JOIN users AS u ON u.person_id = a.visitor_id")
        endless = await look("WITH (SELECT sum(number) FROM numbers(90000000000)) AS s SELECT s")

    assert (all_rows.tables, all_rows.estimated_rows) == (("events_raw",), 12)
    assert all_rows.columns == [("event_type", "LowCardinality(String)"), ("c", "UInt64")]
    assert (some.estimated_rows, days.estimated_rows) == (4, 6)
    assert (twice.tables, twice.estimated_rows) == (("events_raw", "users"), 24)
    assert (endless.estimated_rows, endless.columns) == (0, None)


@pytest.mark.parametrize(
    ("sql", "code", "place"),
    [
        ("SELECT count()\nFROM events_raw WHERE", "invalid_sql", (37, 2, 22)),
        ("SELECT ünknown", "invalid_sql", (8, 1, 8)),
        ("SELECT 'é', ü FROM events_raw", "invalid_sql", (13, 1, 13)),
        ("SELECT nothing FROM events_raw", "unknown_column", (8, 1, 8)),
        ("SELECT\n sleep(1)", "sql_not_allowed", (9, 2, 2)),
        ("SELECT 1 FROM\nnowhere", "unknown_table", (15, 2, 1)),
        ("SELECT lower(1) FROM events_raw", "invalid_sql", None),
    ],
)
async def test_a_look_says_where_a_statement_is_wrong(
    engine: Engine, sql: str, code: str, place: tuple[int, int, int] | None
) -> None:
    async with open_reads(engine) as reads:
        with pytest.raises(QueryError) as refused:
            await reads.of("demo").statements.describe(sql)
    detail: Any = refused.value.detail

    assert refused.value.code == code
    if place is not None:
        assert (detail["position"], detail["line"], detail["column"]) == place


async def test_places_are_those_of_the_text_as_it_was_written(engine: Engine) -> None:
    async with open_reads(engine) as reads:
        with pytest.raises(QueryError) as refused:
            await reads.of("demo").statements.describe("SELECT ?, ?,\n  ? FROM events_raw WHERE x y z", [1, 2, 3])
    detail: Any = refused.value.detail

    assert (detail["line"], detail["column"]) == (2, 29)


@pytest.mark.parametrize(
    ("sql", "until"),
    [
        ("SELECT 1 FROM events_raw WHERE timestamp < '2026-03-01'", "2026-03-01"),
        ("SELECT 1 FROM events_raw WHERE event_type = 'a' AND toDate(timestamp) <= '2026-03-01'", "2026-03-02"),
        ("SELECT 1 FROM events_raw AS e WHERE toDateTime('2026-03-01') > e.timestamp", "2026-03-01"),
        ("SELECT 1 FROM events_raw WHERE toDate(timestamp) < '2026-03-01'", "2026-03-01"),
        ("SELECT 1 FROM events_raw WHERE toStartOfHour(timestamp) < '2026-03-01 05:20:00'", "2026-03-01T06:20:00"),
        ("SELECT 1 FROM events_raw WHERE toStartOfWeek(timestamp) < '2026-03-01'", "2026-03-08"),
        ("SELECT 1 FROM events_raw WHERE toDate(timestamp, 'America/New_York') < '2026-03-01'", "2026-03-02T12:00:00"),
        ("SELECT 1 FROM events_raw WHERE toStartOfHour(timestamp, 'Asia/Tokyo') <= '2026-03-01'", "2026-03-01T13:00:00"),
        ("SELECT 1 FROM events_raw", None),
        ("SELECT 1 FROM events_raw WHERE timestamp < '2026-03-01' OR 1", None),
        ("SELECT now() FROM events_raw WHERE timestamp < '2026-03-01'", None),
        ("SELECT 1 FROM events_raw WHERE timestamp < now()", None),
        ("SELECT toDateTime(0) AS timestamp FROM events_raw WHERE timestamp < '2026-03-01'", None),
        ("SELECT 1 FROM events_raw AS a JOIN events_raw AS b USING (event_id) WHERE timestamp < '2026-03-01'", None),
        ("SELECT 1 FROM events_raw WHERE timestamp < '2026-03-01' UNION ALL SELECT 1 FROM events_raw", None),
    ],
)
async def test_it_is_known_up_to_when_a_statement_reads(engine: Engine, sql: str, until: str | None) -> None:
    async with open_reads(engine) as reads:
        prepared = await reads.of("demo").statements.prepare(sql)
    if until is None:
        assert prepared.until is None
    else:
        assert prepared.until is not None
        assert 0 <= prepared.until - pa.scalar(until).cast(pa.timestamp("s")).value <= 1


async def test_chance_is_known(engine: Engine) -> None:
    async with open_reads(engine) as reads:
        prepare = reads.of("demo").statements.prepare
        assert [(await prepare(f"SELECT {what}")).by_chance for what in ("rand()", "generateUUIDv4()", "now()", "1")] == [
            True, True, False, False,
        ]  # fmt: skip
