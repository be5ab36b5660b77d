"""Requests to a registry that speaks the protocol of OCI, as one user.

Source: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md, and for tokens
https://distribution.github.io/distribution/spec/auth/token
"""

import hashlib
import json
import re
import ssl
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import urljoin, urlsplit

import urllib3

from atoll.core.errors import IntegrityError, RefusedError, UnavailableError, quoted
from atoll.registry.logins import Login

INDEXES = frozenset(
    {"application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"}
)
"""One image for each platform."""
_IMAGES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_ACCEPTED = ", ".join((*sorted(INDEXES), *_IMAGES))
"""What a tag can mean: an image, or one for each platform."""
_CONNECT_SECONDS, _READ_SECONDS = 2.0, 30.0
_CHUNK = 1 << 20
_REDIRECTS = 3
"""Registries of clouds send whoever asks for a blob to their storage; the login does not go along."""
_ONCE = urllib3.Retry(connect=0, read=0, status=0, other=0, redirect=_REDIRECTS)
_LIFE_SECONDS = 60
"""How long a token lasts of which that is not said."""
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True)
class Manifest:
    """What a tag or a digest means, byte by byte."""

    media_type: str
    content: bytes

    @property
    def digest(self) -> str:
        """What names it."""
        return f"sha256:{hashlib.sha256(self.content).hexdigest()}"

    @property
    def document(self) -> dict[str, Any]:
        """What it says."""
        found: dict[str, Any] = json.loads(self.content)
        return found


@dataclass(frozen=True)
class _Token:
    """What lets a client in for a while: a header, the challenge that it answers, and when another one is asked for."""

    header: dict[str, str] = field(repr=False)
    wanted: str
    renew: float
    """By the monotonic clock, in seconds: half-way, so that it does not end in what it was shown for."""


class Client:
    """What asks one registry as one user, or as nobody where the login has none.

    `verified` says whether its certificate must be one that is trusted.
    """

    def __init__(self, login: Login, *, verified: bool = True) -> None:
        self._login = login
        trust = ssl.create_default_context(cadata=login.authority or None)
        if not verified:
            trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
            # It would be said with every request to whoever asked for just this.
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        self._pool = urllib3.PoolManager(
            ssl_context=trust,
            retries=_ONCE,
            timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS),
        )
        named = f"{login.user}:{login.password}"
        self._basic = urllib3.make_headers(basic_auth=named) if login.user else {}
        self._tokens: dict[str, _Token] = {}

    @property
    def address(self) -> str:
        """Where it is: `host` or `host:port`."""
        return self._login.address

    def lets_in(self) -> bool:
        """Whether the registry answers, and takes the login."""
        try:
            url = f"https://{self.address}/v2/"
            return self._pool.request("GET", url, headers=self._basic).status == HTTPStatus.OK
        except urllib3.exceptions.HTTPError:
            return False

    def digest(self, repository: str, reference: str) -> str | None:
        """The digest of what a tag means now, or None where there is none.

        Raises:
            UnavailableError: the registry does not answer, or that it cannot.
            RefusedError: it does not let this user do that.
        """
        answer = self._ask("HEAD", repository, f"manifests/{reference}", {"Accept": _ACCEPTED})
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        self._expect(answer, repository, reference, HTTPStatus.OK)
        if told := answer.headers.get("Docker-Content-Digest"):
            return str(told)
        found = self.manifest(repository, reference)
        return found.digest if found else None

    def lacks(self, repository: str, digest: str) -> bool:
        """Whether the registry says that it has no such manifest; what it does not say, it does not lack."""
        try:
            return self.digest(repository, digest) is None
        except (UnavailableError, RefusedError):
            return False

    def manifest(self, repository: str, reference: str) -> Manifest | None:
        """What a tag or a digest means, or None where there is none; raises what `digest` does.

        Raises:
            IntegrityError: it is not what the digest says.
        """
        answer = self._ask("GET", repository, f"manifests/{reference}", {"Accept": _ACCEPTED})
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        self._expect(answer, repository, reference, HTTPStatus.OK)
        found = Manifest(str(answer.headers.get("Content-Type", "")).partition(";")[0], answer.data)
        if ":" in reference and found.digest != reference:
            raise IntegrityError(
                f"{self._where(repository, reference)}: found {found.digest}; expected what was asked for. Somebody "
                "between here and the registry changes what it says."
            )
        return found

    def put_manifest(self, repository: str, reference: str, manifest: Manifest) -> None:
        """Writes a manifest under a tag or its digest; what it names must be there. Raises what `digest` does."""
        headers = {"Content-Type": manifest.media_type}
        answer = self._ask("PUT", repository, f"manifests/{reference}", headers, body=manifest.content)
        self._expect(answer, repository, reference, HTTPStatus.CREATED)

    def has_blob(self, repository: str, digest: str) -> bool:
        """Whether a repository holds a blob; raises what `digest` does."""
        answer = self._ask("HEAD", repository, f"blobs/{digest}", {})
        if answer.status == HTTPStatus.NOT_FOUND:
            return False
        self._expect(answer, repository, digest, HTTPStatus.OK)
        return True

    def blob(self, repository: str, digest: str) -> Iterator[bytes]:
        """A blob as it comes, piece by piece, never whole in memory; raises what `digest` does."""
        answer = self._ask("GET", repository, f"blobs/{digest}", {}, preload_content=False)
        try:
            self._expect(answer, repository, digest, HTTPStatus.OK)
            yield from answer.stream(_CHUNK, decode_content=False)
        except urllib3.exceptions.HTTPError as error:
            raise self._silent(repository, digest, error) from error
        finally:
            answer.close()

    def put_blob(self, repository: str, digest: str, size: int, content: Iterable[bytes]) -> None:
        """Writes a blob of a size in bytes; the registry measures it against its digest. Raises what `digest` does."""
        begun = self._ask("POST", repository, "blobs/uploads/", {})
        self._expect(begun, repository, digest, HTTPStatus.ACCEPTED)
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        written = self._ask("PATCH", repository, self._next(begun), headers, body=content)
        self._expect(written, repository, digest, HTTPStatus.ACCEPTED)
        end = self._next(written)
        closed = self._ask("PUT", repository, f"{end}{'&' if '?' in end else '?'}digest={digest}", {})
        self._expect(closed, repository, digest, HTTPStatus.CREATED)

    def mount(self, repository: str, digest: str, source: str) -> bool:
        """Takes a blob over from another repository of the registry, where it lets; raises what `digest` does."""
        answer = self._ask("POST", repository, f"blobs/uploads/?mount={digest}&from={source}", {})
        self._expect(answer, repository, digest, HTTPStatus.CREATED, HTTPStatus.ACCEPTED)
        return bool(answer.status == HTTPStatus.CREATED)

    def delete(self, repository: str, digest: str) -> None:
        """Deletes a manifest; one that is gone already is no error. Raises what `digest` does."""
        answer = self._ask("DELETE", repository, f"manifests/{digest}", {})
        self._expect(answer, repository, digest, HTTPStatus.ACCEPTED, HTTPStatus.OK, HTTPStatus.NOT_FOUND)

    def _ask(self, method: str, repository: str, path: str, headers: dict[str, str], **more: Any) -> Any:
        """One request about a repository, and where a token is asked for, once more with one."""
        url = path if "://" in path else f"https://{self.address}/v2/{repository}/{path}"
        more["redirect"] = method in {"GET", "HEAD"}
        try:
            answer = self._pool.request(method, url, headers={**headers, **self._shown(repository)}, **more)
            wanted = str(answer.headers.get("WWW-Authenticate", ""))
            if answer.status != HTTPStatus.UNAUTHORIZED or not wanted.lower().startswith("bearer "):
                return answer
            answer.drain_conn()
            token = self._tokens[repository] = self._token(wanted, repository)
            if not isinstance(more.get("body", b""), bytes):
                # What was read as it was sent cannot be sent again.
                raise UnavailableError(
                    f"{self._where(repository)}: found its token ended; expected one that lasts. Try again."
                )
            return self._pool.request(method, url, headers={**headers, **token.header}, **more)
        except urllib3.exceptions.HTTPError as error:
            raise self._silent(repository, "", error) from error

    def _shown(self, repository: str) -> dict[str, str]:
        """The header that shows who asks: a token where one was asked for, never one near its end."""
        token = self._tokens.get(repository)
        if token is None:
            return self._basic
        if token.renew <= time.monotonic():
            token = self._tokens[repository] = self._token(token.wanted, repository)
        return token.header

    def _token(self, wanted: str, repository: str) -> _Token:
        """What answers a challenge."""
        told = dict(_PARAMETER.findall(wanted))
        realm = told.get("realm", "")
        if urlsplit(realm).scheme != "https":
            raise RefusedError(
                f"{self._where(repository)}: found tokens at {realm!r}; expected an https address (the login would be "
                "readable on its way)"
            )
        # Of several scopes (a blob that is taken over from elsewhere) each is a field of its own.
        fields = [("service", told["service"])] if "service" in told else []
        fields += [("scope", scope) for scope in told.get("scope", "").split()]
        answer = self._pool.request("GET", realm, fields=fields, headers=self._basic)
        self._expect(answer, repository, "", HTTPStatus.OK)
        try:
            found = answer.json()
            token = found.get("token") or found["access_token"]
            life = float(found.get("expires_in") or _LIFE_SECONDS)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise UnavailableError(
                f"{self._where(repository)}: found no token at {realm}; expected a JSON object with `token`"
            ) from error
        return _Token({"Authorization": f"Bearer {token}"}, wanted, time.monotonic() + life / 2)

    def _next(self, answer: Any) -> str:
        """Where an upload goes on, which must be the registry itself: the login goes along."""
        url = urljoin(f"https://{self.address}", str(answer.headers.get("Location", "")))
        if urlsplit(url).netloc != self.address or urlsplit(url).scheme != "https":
            raise RefusedError(
                f"registry {self.address}: found an upload at {urlsplit(url).netloc}; expected one of its own. Mend "
                "the address by which it knows itself (http.host)."
            )
        return url

    def _expect(self, answer: Any, repository: str, reference: str, *expected: HTTPStatus) -> None:
        if answer.status in expected:
            return
        where, said = self._where(repository, reference), _said(answer)
        if answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            user = self._login.user or "somebody without a login"
            raise RefusedError(
                f"{where}: found a refusal of {user} ({answer.status}{said}); expected to be let in. Mend the login, or "
                "give it the right."
            )
        if answer.status < HTTPStatus.INTERNAL_SERVER_ERROR and answer.status != HTTPStatus.TOO_MANY_REQUESTS:
            raise RefusedError(f"{where}: found {answer.status}{said}; expected it done")
        raise UnavailableError(f"{where}: found {answer.status}{said}; expected it done. Try again later.")

    def _silent(self, repository: str, reference: str, error: Exception) -> UnavailableError:
        reason = getattr(error, "reason", None) or error
        return UnavailableError(
            f"{self._where(repository, reference)}: found no answer ({quoted(reason)}); expected a registry that "
            "answers. Try again later."
        )

    def _where(self, repository: str, reference: str = "") -> str:
        mark = "@" if ":" in reference else ":" if reference else ""
        return f"registry {self.address}: {repository}{mark}{reference}"


def _said(answer: Any) -> str:
    """The first problem that a registry tells, or nothing."""
    try:
        problem = json.loads(answer.data)["errors"][0]
        return f", {quoted(problem.get('message') or problem['code'])}"
    except (ValueError, LookupError, TypeError, AttributeError):
        return ""
