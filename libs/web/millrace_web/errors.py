"""From the error tree to an HTTP answer. The only place where status codes are chosen."""

from typing import Any, Final

from millrace_core.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    MillraceError,
    NotFound,
    PreconditionFailed,
    QueryError,
    RecordTooLarge,
    TooLarge,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnsupportedEncoding,
)

# First match wins, so a leaf stands before its branch.
_STATUS: Final[tuple[tuple[type[MillraceError], int], ...]] = (
    (TooLarge, 413),
    (RecordTooLarge, 413),
    (UnsupportedEncoding, 415),
    (Conflict, 409),
    (PreconditionFailed, 412),
    (InvalidInput, 400),
    (QueryError, 400),
    (Unauthorized, 401),
    (Forbidden, 403),
    (NotFound, 404),
    (TooManyRequests, 429),
    (Unavailable, 503),
)

STATUS_NAMES: Final = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    412: "Precondition Failed",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


def status_of(error: MillraceError) -> int:
    """The HTTP status of an error; 500 for one that no client can have caused."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def error_body(status: int, code: str, message: str, request_id: str, detail: Any = None) -> dict[str, Any]:
    """The error object of the realtime family.

    ``error`` is the status in words, ``detail`` what more there is to say (the message again where there is nothing more:
    FastAPI's clients read that field).
    """
    return {
        "success": False,
        "code": code,
        "message": message,
        "detail": message if detail is None else detail,
        "error": STATUS_NAMES.get(status, "Error"),
        "request_id": request_id,
    }


def error_headers(error: MillraceError) -> dict[str, str]:
    """``Retry-After`` where trying again makes sense, ``X-RateLimit-…`` where a limit of so much was reached (``Reset`` is in
    seconds from now), ``WWW-Authenticate`` where a credential is what lacks."""
    if isinstance(error, TooManyRequests) and error.limit is not None:
        wait = str(error.retry_after)
        limits = {"X-RateLimit-Limit": str(error.limit), "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": wait}
        return {"Retry-After": wait, **limits}
    if isinstance(error, (TooManyRequests, Unavailable)):
        return {"Retry-After": str(error.retry_after)}
    if isinstance(error, Unauthorized):
        return {"WWW-Authenticate": 'Bearer realm="millrace"'}
    return {}
