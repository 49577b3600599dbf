"""Single requests over plain HTTP, as httpx's functions of these names make them.

Those read every certificate authority of this machine for each request, 70 ms of processor time, with TLS or without;
these read none.
"""

from functools import partial
from typing import Final

import httpx

_NO_AUTHORITIES: Final = httpx.create_ssl_context(verify=False)

get: Final = partial(httpx.get, verify=_NO_AUTHORITIES)
post: Final = partial(httpx.post, verify=_NO_AUTHORITIES)
put: Final = partial(httpx.put, verify=_NO_AUTHORITIES)
delete: Final = partial(httpx.delete, verify=_NO_AUTHORITIES)
request: Final = partial(httpx.request, verify=_NO_AUTHORITIES)
stream: Final = partial(httpx.stream, verify=_NO_AUTHORITIES)
