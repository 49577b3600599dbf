"""Whether the server of this container is ready: ``python3 -m millrace_standalone.healthcheck``; 1 when it is not.

On the standard library alone, as it runs every few seconds.
"""

import http.client
import os
import sys

_SECONDS = 4.0


def is_ready(port: int) -> bool:
    """Whether ``/ready`` answers 200 on this port of the loopback."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_SECONDS)
    try:
        connection.request("GET", "/ready")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(0 if is_ready(int(os.environ.get("MILLRACE_PORT", "8080"))) else 1)
