"""Writes docs/reference from the code, so that it cannot tell anything else.

python -m docs.generate          writes the pages
python -m docs.generate --check  prints what differs, and exits 1 if anything does
"""

import asyncio
import difflib
import inspect
import logging
import re
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import click
import httpx
import structlog
from pydantic import ByteSize
from pydantic.fields import FieldInfo

from docs.catalogue_page import catalogue
from docs.http_page import Document, http
from millrace_core.metrics import CATALOGUE
from millrace_ingestion.protocols.routes import ROUTES, Route
from millrace_service.settings import PREFIX
from millrace_standalone.__main__ import millrace
from millrace_standalone.settings import StandaloneSettings
from millrace_standalone.wiring import open_platform
from millrace_warehouse.gate.tables import HIDDEN_COLUMNS, READABLE
from millrace_warehouse.migrations import all_migrations
from millrace_warehouse.migrations.tables import EVENT_IDS_HOURS, LIVE, MOVING, ROLLUPS, TABLES

FOLDER = Path(__file__).parent / "reference"
_NOTE = "<!-- Made by `make docs` from the code. -->\n"


def settings() -> str:
    """Every setting, by the part that reads it."""
    lines = [
        "# Settings",
        "",
        "Environment variables. A value that is not allowed stops the start, and the message says what is. Sizes are bytes, or",
        "numbers with a unit (`16MiB`); lists are JSON.",
    ]
    for owner in StandaloneSettings.__mro__:
        own = [name for name in inspect.get_annotations(owner) if name in StandaloneSettings.model_fields]
        if own:
            lines += ["", f"## {_title(owner)}", "", "| variable | default | allowed | meaning |", "|---|---|---|---|"]
            lines += [_setting(name, StandaloneSettings.model_fields[name]) for name in own]
    return "\n".join(lines)


def _title(owner: type) -> str:
    words = re.findall("[A-Z][a-z]+", owner.__name__.removesuffix("Settings")) or ["Server"]
    return " ".join(words).capitalize()


def _setting(name: str, field: FieldInfo) -> str:
    default = field.get_default(call_default_factory=True)
    shown = "" if default in (None, "", []) else f"`{_readable(field, default)}`"
    return f"| `{PREFIX}{name.upper()}` | {shown} | {_allowed(field)} | {_cell(field.description or '')} |"


def _allowed(field: FieldInfo) -> str:
    kind = (
        str(field.annotation) if "[" in str(field.annotation) else getattr(field.annotation, "__name__", str(field.annotation))
    )
    named = re.findall(r"'([^']+)'", kind) if "Literal" in kind else []
    words = {"ByteSize": "size", "str": "text", "int": "whole number", "float": "number", "bool": "`true`, `false`"}
    said = ", ".join(f"`{one}`" for one in named) or words.get(
        kind, "list" if "list" in kind else kind.lower().removesuffix(" | none").removeprefix("pathlib.").replace("str", "text")
    )
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    bounds = [
        f"{sign} {_readable(field, getattr(limit, attribute))}"
        for limit in field.metadata
        for attribute, sign in signs.items()
        if hasattr(limit, attribute)
    ]
    return _cell(", ".join([said, *bounds]))


def _readable(field: FieldInfo, value: object) -> str:
    """A size with the largest unit that keeps it whole (`64MiB`), as the setting itself may be written."""
    if field.annotation is not ByteSize or not isinstance(value, int):
        return str(value)
    exponent = next((each for each in (3, 2, 1) if value >= 1024**each and value % 1024**each == 0), 0)
    return f"{value // 1024**exponent}{('', 'KiB', 'MiB', 'GiB')[exponent]}"


def metrics() -> str:
    """Every metric of `/metrics`."""
    lines = [
        "# Metrics",
        "",
        "Served at `/metrics` for Prometheus. Labels whose values clients choose (`customer_id`, `event_type`) are capped; the",
        "rest counts as `other`.",
        "",
        "| name | kind | unit | labels | meaning |",
        "|---|---|---|---|---|",
    ]
    for metric in CATALOGUE:
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        if metric.values:
            labels += f": {', '.join(metric.values)}"
        lines.append(f"| `{metric.name}` | {metric.kind} | {metric.unit} | {labels} | {_cell(metric.meaning)} |")
    return "\n".join(lines)


def tables() -> str:
    """What the migrations create."""
    hidden = ", ".join(f"`{name}`" for name in sorted(HIDDEN_COLUMNS))
    lines = [
        "# Tables",
        "",
        "In the database `analytics`. Questions in SQL see a tenant's own rows of the tables that say so, without the columns",
        f"{hidden}. What may be asked is decided by the gate ([ADR 3](../adr/0003-two-barriers.md)).",
        "",
        "| table | what it holds | in questions |",
        "|---|---|---|",
    ]
    holds = _contents()
    lines += [f"| `{table.name}` | {holds[table.name]} | {'yes' if table.name in READABLE else ''} |" for table in TABLES]
    for each in all_migrations():
        lines += ["", f"## Migration {each.version}: {each.name}", "", "```sql", each.text.strip(), "```"]
    return "\n".join(lines)


def _contents() -> dict[str, str]:
    """What is in each table and view; one that nobody described stops the run."""
    rollups = {
        rollup.name: f"a rollup: `{rollup.count}` and visitors by `{rollup.bucket}`, `{rollup.dimension}` and `is_bot`"
        for rollup in ROLLUPS
    }
    return {
        "events_raw": "every event, a row each: [what its columns mean](events.md)",
        "event_ids": f"the ids of the last {EVENT_IDS_HOURS} hours, by which an event that is sent again is recognised",
        "identity_links": "which visitor is which user: a row for each `identify` and `alias` event that says so",
        "ingest_outcomes": "what became of events that are not stored as they came (`rejected`, `limited`, `duplicate`, "
        "`dead_letter`), for 30 days; read it with `FINAL` ([ADR 18](../adr/0018-outcomes.md))",
        "events_probe": "nothing: it reads rows as `events_raw` does, to find those that would be refused",
        MOVING: "while `millrace move` reads it: a month of events in the order in which they came",
        "schema_migrations": "the migrations that ran, with their checksums; the start makes it, not a migration",
        **rollups,
        LIVE.name: f"what the live dashboard reads: all events by minute, and page views by page; the last {LIVE.hours} hours "
        "([ADR 28](../adr/0028-live-rollup.md))",
        **{
            f"{target}_mv": f"a view: fills `{target}` from `events_raw`"
            for target in ("event_ids", "identity_links", *rollups, LIVE.name)
        },
    }


def protocols() -> str:
    """The routes of other people's SDKs, and what each protocol does."""
    lines = [
        "# Protocols",
        "",
        "What ingestion answers beside `/track` and `/track/batch`, with a slash at the end and without. Bodies may be JSON of",
        "any content type, and compressed; `OPTIONS` mirrors any origin and any headers. Errors have the fields of",
        "[errors](errors.md) in each protocol's shape. `customer_id` is what the write key grants: without keys",
        "(`MILLRACE_AUTH=open`) the key is the tenant. What was tried with the real SDKs: [sdks](../sdks.md).",
    ]
    by_protocol: dict[str, list[Route]] = {}
    for route in ROUTES:
        by_protocol.setdefault(route.protocol.name, []).append(route)
    for name, routes in by_protocol.items():
        text = inspect.getdoc(inspect.getmodule(type(routes[0].protocol))) or ""
        lines += ["", f"## {name}", "", text.replace("``", "`"), "", "| path | methods | operation |", "|---|---|---|"]
        lines += [f"| `{route.path}` | {', '.join(route.methods)} | {route.operation} |" for route in routes]
    return "\n".join(lines)


def commands() -> str:
    """The command line."""
    lines = ["# Commands", "", "`millrace COMMAND --help` says the same."]
    context = click.Context(millrace, info_name="millrace")
    for name in millrace.list_commands(context):
        command = millrace.get_command(context, name)
        assert command is not None
        lines += _command(command, f"millrace {name}", context)
    return "\n".join(lines)


def _command(command: click.Command, title: str, parent: click.Context) -> list[str]:
    context = click.Context(
        command, info_name=title.rsplit(" ", 1)[-1], parent=parent, max_content_width=100, terminal_width=100
    )
    lines = ["", f"## {title}", "", "```", command.get_help(context), "```"]
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            lines += _command(child, f"{title} {name}", context)
    return lines


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings,
    "metrics.md": metrics,
    "tables.md": tables,
    "commands.md": commands,
    "protocols.md": protocols,
    "catalogue.md": catalogue,
}


HTTP_PAGE: Final = "http.md"
"""Made of what a running platform says of itself, so that it is compared where one runs: ``tests/contract/test_openapi.py``."""


def http_page(document: Document) -> str:
    """The page of the HTTP API as it is in its file."""
    return _page(lambda: http(document))


async def _document() -> Document:
    """What the platform in one process says of its HTTP API."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tempfile.TemporaryDirectory() as folder:
        async with open_platform(StandaloneSettings(data_dir=Path(folder))) as process:
            asking = httpx.ASGITransport(app=process.app)
            async with httpx.AsyncClient(transport=asking, base_url="http://localhost") as client:
                answer = await client.get("/openapi.json")
    document: Document = answer.raise_for_status().json()
    return document


def differences(pages: Mapping[str, Callable[[], str]] = PAGES) -> list[str]:
    """Lines by which the pages differ from what the code says."""
    found: list[str] = []
    for name, make in pages.items():
        path = FOLDER / name
        there = path.read_text(encoding="utf-8") if path.exists() else ""
        found += difflib.unified_diff(there.splitlines(), _page(make).splitlines(), name, "the code", lineterm="")
    return found


def _page(make: Callable[[], str]) -> str:
    text = "\n".join(line.rstrip() for line in make().splitlines())
    return f"{_NOTE}\n{text}\n"


def main() -> None:
    """Write the pages, or compare them."""
    document = asyncio.run(_document())
    pages = {**PAGES, HTTP_PAGE: lambda: http(document)}
    if "--check" in sys.argv[1:]:
        found = differences(pages)
        sys.stdout.write("".join(f"{line}\n" for line in found))
        raise SystemExit(1 if found else 0)
    FOLDER.mkdir(exist_ok=True)
    for name, make in pages.items():
        (FOLDER / name).write_text(_page(make), encoding="utf-8")


if __name__ == "__main__":
    main()
