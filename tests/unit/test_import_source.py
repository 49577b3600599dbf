"""Reading files row by row: where each row ends, and what tells a file from others."""

import gzip
import json
from pathlib import Path

import pytest

from millrace_core.errors import InvalidInput
from millrace_standalone.importing.source import Place, Row, Source


def _file(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def _rows(path: Path, start: Place | None = None) -> list[Row]:
    with Source(path, start=start) as source:
        return list(source.rows())


def test_each_line_of_ndjson_is_a_row_and_empty_ones_are_none(tmp_path: Path) -> None:
    rows = _rows(_file(tmp_path, "a.ndjson", '\ufeff{"a":1}\n\n  \n{"a":2}'))

    assert [(row.line, row.text) for row in rows] == [(1, b'{"a":1}'), (4, b'{"a":2}')]


def test_a_quoted_csv_cell_may_hold_newlines_and_quotes(tmp_path: Path) -> None:
    path = _file(tmp_path, "a.csv", 'event_type,note\nclick,"two\nlines, ""quoted"""\nview,\n')

    assert [(row.line, row.cells) for row in _rows(path)] == [(3, ["click", 'two\nlines, "quoted"']), (4, ["view", ""])]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_the_one_of_the_header(tmp_path: Path, delimiter: str) -> None:
    path = _file(tmp_path, "a.csv", f"a{delimiter}b\n1{delimiter}2\n")

    with Source(path) as source:
        assert source.header == ["a", "b"]
        assert [row.cells for row in source.rows()] == [["1", "2"]]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("form", ["ndjson", "csv"])
def test_reading_goes_on_behind_any_row(tmp_path: Path, form: str, packed: bool) -> None:
    lines = [json.dumps({"n": number, "ä": "ü"}) for number in range(20)]
    csv = "n,text\n" + "".join(f'{number},"ä\n{number}"\n' for number in range(20))
    text = ("\n".join(lines) if form == "ndjson" else csv).encode()
    path = _file(tmp_path, f"events.{form}" + (".gz" if packed else ""), gzip.compress(text) if packed else text)
    rows = _rows(path)

    assert len(rows) == 20
    for number, row in enumerate(rows):
        assert _rows(path, row.end) == rows[number + 1 :]


@pytest.mark.parametrize(
    ("text", "form"), [('{"event_type":"a"}\n', "ndjson"), ("event_type\nclick\n", "csv"), ("\n \n{}\n", "ndjson")]
)
def test_the_form_is_seen_by_what_the_file_holds(tmp_path: Path, text: str, form: str) -> None:
    with Source(_file(tmp_path, "export", text)) as source:
        assert source.form == form


def test_a_json_array_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="one object a line"):
        Source(_file(tmp_path, "events.json", '[{"event_type":"a"}]'))


def test_a_file_keeps_its_identity_when_it_is_renamed_packed_or_continued(tmp_path: Path) -> None:
    first = b'{"event_type":"a","n":1}\n'
    same = [
        _file(tmp_path, "a.ndjson", first),
        _file(tmp_path, "b.jsonl", first + b'{"event_type":"b"}\n'),
        _file(tmp_path, "c.ndjson.gz", gzip.compress(first)),
    ]
    other = _file(tmp_path, "d.ndjson", first.replace(b"1", b"2"))

    identities = []
    for path in (*same, other):
        with Source(path) as source:
            identities.append(source.identity)

    assert len(set(identities[:3])) == 1
    assert identities[3] != identities[0]


def test_what_was_read_before_the_damage_counts(tmp_path: Path) -> None:
    text = "".join(json.dumps({"n": number, "more": f"{number * 7919:x}" * 9}) + "\n" for number in range(5000)).encode()
    path = _file(tmp_path, "a.ndjson.gz", gzip.compress(text)[:-4000])
    rows: list[Row] = []

    with Source(path) as source, pytest.raises(InvalidInput, match="cannot be read"):
        rows.extend(source.rows())

    assert 100 < len(rows) < 5000


@pytest.mark.parametrize("at", [2, 3, 12, 13, 40, 2_000])
@pytest.mark.parametrize("name", ["a.ndjson.gz", "a.csv.gz", "a.gz"])
def test_a_damaged_file_is_refused_in_words_wherever_the_damage_is(tmp_path: Path, at: int, name: str) -> None:
    text = "".join(f"{number * 7919:x},{number}\n" for number in range(5000)).encode()
    packed = bytearray(gzip.compress(text, mtime=0))
    packed[at] ^= 255
    packed[at + 1] ^= 255
    path = _file(tmp_path, name, bytes(packed))

    with pytest.raises(InvalidInput, match=r"cannot be (unpacked|read)"):
        _rows(path)


def _told(rows: list[Row]) -> list[tuple[int, list[str] | None, bytes]]:
    return [(row.line, row.cells, b"" if row.wrong is None else row.text) for row in rows]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ('1,"a"b,e\n2,b,e\n', [(2, None, b'1,"a"b,e'), (3, ["2", "b", "e"], b"")]),
        ('1,"a,e\r\n2,b,e\r\n3,c,e', [(2, None, b'1,"a,e'), (3, ["2", "b", "e"], b""), (4, ["3", "c", "e"], b"")]),
        ('1,"a,e\n2,"b",e\n3,c\n', [(2, None, b'1,"a,e'), (3, ["2", "b", "e"], b""), (4, ["3", "c"], b"")]),
        (
            '1,"a\nmore"x,e\n2,"b\nb",e\n',
            [(2, None, b'1,"a'), (3, None, b'more"x,e'), (5, ["2", "b\nb", "e"], b"")],
        ),
        ('1,a,e\n2,b,"', [(2, ["1", "a", "e"], b""), (3, None, b'2,b,"')]),
        ("1,a\rb,e\n2,b,e\n", [(2, None, b"1,a\rb,e"), (3, ["2", "b", "e"], b"")]),
        ('"\n' * 3 + "2,b,e\n", [(3, ["\n"], b""), (4, None, b'"'), (5, ["2", "b", "e"], b"")]),
    ],
)
def test_a_row_whose_quotes_are_wrong_takes_no_other_row_with_it(
    tmp_path: Path, rows: str, told: list[tuple[int, list[str] | None, bytes]], packed: bool
) -> None:
    text = ("id,note,type\n" + rows).encode()
    path = _file(tmp_path, "a.csv.gz" if packed else "a.csv", gzip.compress(text) if packed else text)
    found = _rows(path)

    assert _told(found) == told
    for number, row in enumerate(found):
        assert _told(_rows(path, row.end))[-1:] == (told[-1:] if number + 1 < len(found) else [])


def test_a_quote_that_is_never_closed_costs_one_row_of_a_large_file(tmp_path: Path) -> None:
    path = _file(tmp_path, "a.csv", 'id,note\n0,"open\n' + "".join(f"{number},{'x' * 900}\n" for number in range(12_000)))
    rows = _rows(path)

    assert [row.line for row in rows if row.wrong is not None] == [2]
    assert len(rows) == 12_001


def test_an_endless_line_is_cut_and_the_next_row_is_whole(tmp_path: Path) -> None:
    path = _file(tmp_path, "a.ndjson", b'{"a":"' + b"x" * (9 * 2**20) + b'"}\n{"a":2}\n')

    rows = _rows(path)

    assert [row.line for row in rows] == [1, 2]
    assert len(rows[0].text) == 8 * 2**20
    assert rows[1].text == b'{"a":2}'
