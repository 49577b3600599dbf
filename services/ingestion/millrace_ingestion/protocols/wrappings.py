"""Bodies in wrappings, as SDKs of browsers send them: a form's ``data=``, base64, gzip inside of either."""

import base64
import binascii
import re
from typing import Final

from millrace_core.errors import UnsupportedEncoding
from millrace_ingestion.bodies import GZIP, inflate_gzip
from millrace_ingestion.protocols.reading import BOM
from millrace_ingestion.protocols.wire import WireRequest, query_of

_is_base64 = re.compile(rb"[A-Za-z0-9+/_-]+={0,2}\Z").match
_URL_SAFE: Final = bytes.maketrans(b"-_", b"+/")
_MOST_WRAPPINGS: Final = 4  # a form around base64 around gzip around base64 is the most that anybody sends
_IS_FORM: Final = re.compile(rb"\s*(?:[a-z_]{1,32}=[^&{]{0,64}&)*data=")


def unwrap(request: WireRequest) -> bytes:
    """The JSON of a request: its body, or ``?data=`` where it has none. What is in no wrapping known here stays as it is.

    Raises:
        UnsupportedEncoding: it is in LZ-String, which old browsers' SDKs sent.
        InvalidInput: ``corrupt_body``.
        TooLarge: ``inflated_too_large``.
    """
    if request.query.get("compression") == "lz64":
        raise UnsupportedEncoding("LZ-String is not decoded here: send gzip or plain JSON", code="unsupported_encoding")
    text = request.body or request.query.get("data", "").encode()
    for _ in range(_MOST_WRAPPINGS):
        start = text[:64].lstrip(BOM + b" \t\r\n")[:1]
        if start in (b"{", b"["):
            return text.removeprefix(BOM)
        if text.startswith(GZIP):
            text = inflate_gzip(text, request.inflated_bytes)
        elif _IS_FORM.match(text):
            text = query_of(text).get("data", "").encode("latin-1", "replace")
        elif (plain := _of_base64(text)) is not None:
            text = plain
        else:
            break
    return text


def _of_base64(text: bytes) -> bytes | None:
    """What base64 text says. A space stands for the plus that a form made one of."""
    text = text.strip().replace(b" ", b"+").replace(b"\r\n", b"").translate(_URL_SAFE)
    if not _is_base64(text):
        return None
    try:
        return base64.b64decode(text.rstrip(b"=") + b"=" * (-len(text.rstrip(b"=")) % 4), validate=True)
    except binascii.Error:
        return None
