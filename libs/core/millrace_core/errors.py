"""The one error tree.

    MillraceError
    ├── InvalidInput            the request can never succeed as it is
    │   ├── TooLarge            a size limit was passed
    │   ├── Conflict            it contradicts an earlier request
    │   ├── PreconditionFailed  what it changes is not what its sender saw
    │   └── UnsupportedEncoding a content encoding that nobody here decodes
    ├── NotFound                the named thing is not there
    ├── Unauthorized            nobody knows who asks: no credential, or none that is valid
    ├── Forbidden               the request asks for another tenant's data, does not say whose, or may not do this
    ├── QueryError              the statement is at fault: refused by the gate, by the engine, or by a limit
    ├── TooManyRequests         try again later: a limit of the tenant or of the process
    ├── Unavailable             a neighbour is down or busy: try again later
    │   ├── LogUnavailable
    │   ├── RecordsUnavailable
    │   └── WarehouseUnavailable
    ├── PartitionLost           what was read belongs to another consumer by now
    ├── RecordTooLarge          a record that the log can never store
    ├── RowsRefused             rows that the warehouse can never store
    └── StartRefused            the process cannot start like this

Each error carries a stable ``code`` and a message that is safe to show to any client. What a vendor's driver said is the
``__cause__``; it goes to the log, never to a client. Status codes are chosen in ``millrace_web.errors`` only.
"""


class MillraceError(Exception):
    """Anything that this project raises on purpose.

    Args:
        message: safe to show to a client.
        code: stable, lower snake case; documented in docs/reference/errors.md.
    """

    code = "internal_error"
    detail: object = None
    """What more there is to say, as JSON can say it."""

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code


class InvalidInput(MillraceError):
    """The request can never succeed as it is."""

    code = "invalid_input"


class TooLarge(InvalidInput):
    """A size limit was passed."""

    code = "too_large"


class UnsupportedEncoding(InvalidInput):
    """The content encoding is none that this server decodes."""

    code = "unsupported_encoding"


class Conflict(InvalidInput):
    """The request contradicts an earlier one."""

    code = "conflict"


class PreconditionFailed(InvalidInput):
    """The thing that it changes was changed since its sender saw it."""

    code = "precondition_failed"


class NotFound(MillraceError):
    """The named thing is not there."""

    code = "not_found"


class Unauthorized(MillraceError):
    """Nobody knows who asks: there is no credential (``unauthorized``), or none that is valid (``invalid_key``)."""

    code = "unauthorized"


class Forbidden(MillraceError):
    """The request asks for another tenant's data, does not say whose, or its credential may not do this."""

    code = "forbidden"


class QueryError(MillraceError):
    """The statement is at fault."""

    code = "invalid_sql"


class TooManyRequests(MillraceError):
    """A limit of the tenant or of the process is reached.

    Args:
        retry_after: seconds after which to try again.
        limit: how much is allowed, where it is an amount.
    """

    code = "rate_limited"

    def __init__(self, message: str, *, code: str | None = None, retry_after: int = 1, limit: int | None = None) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after
        self.limit = limit


class Unavailable(MillraceError):
    """A neighbour is down or busy.

    Args:
        retry_after: seconds after which to try again.
    """

    code = "unavailable"

    def __init__(self, message: str, *, code: str | None = None, retry_after: int = 2) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after


class LogUnavailable(Unavailable):
    """The records may or may not be stored; appending them again with the same ids is safe."""

    code = "log_unavailable"


class RecordsUnavailable(Unavailable):
    """Tenants, decisions and saved state cannot be read or written now; the same call may succeed later."""

    code = "records_unavailable"


class WarehouseUnavailable(Unavailable):
    """The warehouse does not answer, or has no room or memory for this now; the same call may succeed later."""

    code = "warehouse_unavailable"


class PartitionLost(MillraceError):
    """The partition is another consumer's by now: what was begun for it is finished there."""

    code = "partition_lost"


class RecordTooLarge(MillraceError):
    """This record can never be stored in the log."""

    code = "record_too_large"


class RowsRefused(MillraceError):
    """The warehouse read the rows and refuses at least one of them for what it says; nothing of the block was stored."""

    code = "rows_refused"


class StartRefused(MillraceError):
    """The process cannot start like this; the message is one line that names what to change."""

    code = "start_refused"
