"""The import itself: rows in, batches out, and the state behind every answered batch."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from millrace_core.errors import InvalidInput
from millrace_standalone.importing.mapping import Mapper
from millrace_standalone.importing.source import Place, Row, Source
from millrace_standalone.importing.state import RejectedFile, State, StateFile
from millrace_standalone.tracking import TrackingClient, Verdict

_BATCH_EVENTS: Final = 2000
_BATCH_BYTES: Final = 2 * 2**20  # under the 20 MiB that the server inflates, ten times


@dataclass(frozen=True, slots=True)
class _Batch:
    """Rows on their way, those that were rejected here already, and the place behind all of them."""

    rows: list[Row]
    refused: list[tuple[Row, InvalidInput]]
    end: Place


class Import:
    """One file on its way to one server; it may be stopped at any time and made anew from the same state."""

    def __init__(
        self, source: Source, mapper: Mapper, client: TrackingClient, state: State, kept: StateFile, rejected: RejectedFile
    ) -> None:
        self.state = state
        self._source = source
        self._mapper = mapper
        self._client = client
        self._kept = kept
        self._rejected = rejected
        self._broken: InvalidInput | None = None

    def run(self, on_progress: Callable[[State], None]) -> None:
        """Send what is left of the file.

        Raises:
            InvalidInput: the file cannot be read on, or the server refuses what this is.
            Unavailable: the server is away.
        """
        for verdict in self._client.send_all(self._batches()):
            self._settle(verdict)
            on_progress(self.state)
        if self._broken is not None:
            raise self._broken

    def _batches(self) -> Iterator[tuple[_Batch, list[bytes]]]:
        batch, texts, size = _Batch([], [], self.state.place), [], 0
        for row in self._rows():
            try:
                text = self._mapper.event(row)
            except InvalidInput as reason:
                batch.refused.append((row, reason))
            else:
                batch.rows.append(row)
                texts.append(text)
                size += len(text)
            if len(texts) + len(batch.refused) >= _BATCH_EVENTS or size >= _BATCH_BYTES:
                yield _Batch(batch.rows, batch.refused, row.end), texts
                batch, texts, size = _Batch([], [], row.end), [], 0
        if batch.rows or batch.refused:
            yield batch, texts

    def _rows(self) -> Iterator[Row]:
        """The rows up to where the file cannot be read on: what stands before that is sent."""
        try:
            yield from self._source.rows()
        except InvalidInput as error:
            self._broken = error

    def _settle(self, verdict: Verdict[_Batch]) -> None:
        batch = verdict.mark
        refused = [(row, reason.code, reason.message) for row, reason in batch.refused]
        refused += [(batch.rows[one.index], one.code, one.message) for one in verdict.refusals]
        for row, code, message in sorted(refused, key=lambda each: each[0].line):
            self._rejected.add(row, self._source.header, code, message)
        last = max((row.end for row in (*batch.rows, *(row for row, _ in batch.refused))), key=lambda end: end.offset)
        self.state.offset, self.state.line = last.offset, last.line
        self.state.accepted += verdict.accepted
        self.state.rejected += len(refused)
        self.state.rejected_bytes = self._rejected.length
        self._kept.write(self.state)
