"""Asks a running server under ``/admin/v1``."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn, Self
from urllib.parse import quote

import httpx

from millrace_core.errors import MillraceError, Unavailable

_SECONDS: Final = 3600.0  # a rebuild of years is one request


class AdminClient:
    """One server.

    Args:
        token: of its ``server.json``, or a secret key with the scope ``admin``.
    """

    def __init__(self, url: str, token: str) -> None:
        self.url = url.rstrip("/")
        timeout = httpx.Timeout(10.0, read=_SECONDS)
        self._http = httpx.Client(base_url=self.url, timeout=timeout, headers={"authorization": f"Bearer {token}"})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def status(self) -> dict[str, Any]:
        """What the server knows of itself."""
        return dict(self._ask("GET", "/status"))

    def letters(self, *, tenant: str | None, reason: str | None, limit: int) -> list[dict[str, Any]]:
        """Dead letters, the oldest first."""
        filters = {"tenant": tenant, "reason": reason, "limit": limit}
        return list(self._ask("GET", "/dead-letters", {name: value for name, value in filters.items() if value is not None}))

    def letter(self, letter_id: int) -> dict[str, Any]:
        """One dead letter."""
        return dict(self._ask("GET", f"/dead-letters/{letter_id}"))

    def replay(self, ids: Sequence[int]) -> int:
        """Put letters back into the log; how many."""
        return int(self._ask("POST", "/dead-letters/replay", body={"ids": list(ids)})["count"])

    def edit(self, letter_id: int, line: str) -> int:
        """Put a letter back into the log as this JSON text; how many that was."""
        return int(self._ask("PUT", f"/dead-letters/{letter_id}", body={"line": line})["count"])

    def drop(self, ids: Sequence[int]) -> int:
        """Remove letters for good; how many."""
        return int(self._ask("POST", "/dead-letters/drop", body={"ids": list(ids)})["count"])

    def rebuild(self, first: int, last: int) -> int:
        """Recompute the rollups between two times in milliseconds since the epoch; the number of hours."""
        return int(self._ask("POST", "/rebuild", body={"first": first, "last": last})["count"])

    def audit(self) -> dict[str, int]:
        """Compare the rollups with the events and look for events stored twice."""
        return dict(self._ask("POST", "/audit"))

    def backup(self, folder: Path) -> dict[str, Any]:
        """Have the server copy what it stores into a folder on its machine; what that has."""
        return dict(self._ask("POST", "/backup", body={"folder": str(folder)}))

    def tenants(self) -> list[dict[str, Any]]:
        """Settings of every tenant that has some."""
        return list(self._ask("GET", "/tenants"))

    def tenant(self, name: str) -> dict[str, Any]:
        """One tenant's settings."""
        return dict(self._ask("GET", f"/tenants/{quote(name, safe='')}"))

    def tenant_or_none(self, name: str) -> dict[str, Any] | None:
        """Likewise, None where it has none."""
        try:
            return self.tenant(name)
        except MillraceError as error:
            if error.code != "not_found":
                raise
            return None

    def put_tenant(self, name: str, settled: Mapping[str, Any]) -> dict[str, Any]:
        """Replace one tenant's settings."""
        return dict(self._ask("PUT", f"/tenants/{quote(name, safe='')}", body=settled))

    def remove_tenant(self, name: str) -> None:
        """Forget one tenant's settings."""
        self._ask("DELETE", f"/tenants/{quote(name, safe='')}")

    def decisions(self, *, tenant: str | None, limit: int) -> list[dict[str, Any]]:
        """What was decided about dead letters, the oldest first."""
        filters = {"tenant": tenant, "limit": limit}
        return list(self._ask("GET", "/decisions", {name: value for name, value in filters.items() if value is not None}))

    def keys(self, *, tenant: str | None) -> list[dict[str, Any]]:
        """Keys without their secrets, the oldest first."""
        return list(self._ask("GET", "/keys", _given(tenant=tenant)))

    def make_key(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """A new key, with its secret in ``key``."""
        return dict(self._ask("POST", "/keys", body=asked))

    def rotate_key(self, key_id: str, overlap_hours: float) -> dict[str, Any]:
        """The key that takes the place of another, likewise."""
        return dict(self._ask("POST", f"/keys/{quote(key_id, safe='')}/rotate", body={"overlap_hours": overlap_hours}))

    def revoke_key(self, key_id: str) -> dict[str, Any]:
        """End a key."""
        return dict(self._ask("DELETE", f"/keys/{quote(key_id, safe='')}"))

    def users(self, *, tenant: str | None) -> list[dict[str, Any]]:
        """People and their roles, by email."""
        return list(self._ask("GET", "/users", _given(tenant=tenant)))

    def make_user(self, email: str, tenant: str, role: str) -> dict[str, Any]:
        """Someone new, with the link to set a password in ``link``."""
        return dict(self._ask("POST", "/users", body={"email": email, "tenant": tenant, "role": role}))

    def set_role(self, email: str, tenant: str, role: str | None) -> dict[str, Any]:
        """Give a role, or take it back."""
        path = f"/users/{quote(email, safe='')}/roles/{quote(tenant, safe='')}"
        return dict(self._ask("PUT", path, body={"role": role}) if role is not None else self._ask("DELETE", path))

    def reset_password(self, email: str) -> dict[str, Any]:
        """A ``link`` to set a password."""
        return dict(self._ask("POST", f"/users/{quote(email, safe='')}/password"))

    def disable_user(self, email: str) -> dict[str, Any]:
        """Keep someone out."""
        return dict(self._ask("DELETE", f"/users/{quote(email, safe='')}"))

    def changes(self, *, tenant: str | None, after: int, limit: int) -> list[dict[str, Any]]:
        """What was changed, the oldest first."""
        return list(self._ask("GET", "/changes", _given(tenant=tenant, after=after, limit=limit)))

    def export_person(self, whose: Mapping[str, Any]) -> Iterator[bytes]:
        """What there is of a person, as newline-delimited JSON, piece by piece."""
        try:
            with self._http.stream("POST", "/admin/v1/privacy/export", json=whose) as answer:
                if not answer.is_success:
                    answer.read()
                    self._refused(answer)
                yield from answer.iter_bytes()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unavailable(f"{self.url} does not answer, or broke off: what was written is not all of it") from error

    def erase_person(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Erase a person, or count what would be erased."""
        return dict(self._ask("POST", "/privacy/erase", body=asked))

    def erasures(self, *, tenant: str | None, after: int, limit: int) -> list[dict[str, Any]]:
        """Who was erased, without saying who, the oldest first."""
        return list(self._ask("GET", "/privacy/erasures", _given(tenant=tenant, after=after, limit=limit)))

    def _ask(self, method: str, path: str, parameters: Mapping[str, Any] | None = None, body: Any = None) -> Any:
        try:
            answer = self._http.request(method, f"/admin/v1{path}", params=parameters, json=body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unavailable(f"{self.url} does not answer: start a server with `millrace up`") from error
        if answer.is_success:
            return answer.json()
        return self._refused(answer)

    def _refused(self, answer: httpx.Response) -> NoReturn:
        try:
            told = answer.json()
            raise MillraceError(told["message"], code=told["code"])
        except (ValueError, KeyError, TypeError):
            raise MillraceError(f"{self.url} answers {answer.status_code}, so it is no Millrace") from None


def _given(**filters: Any) -> dict[str, Any]:
    return {name: value for name, value in filters.items() if value is not None}
