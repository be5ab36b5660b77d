"""Requests to a registry that speaks the protocol of OCI. It follows no redirect: the local one makes none.

Source: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md
"""

import ssl
from http import HTTPStatus

import urllib3

from atoll.core.errors import RefusedError, UnavailableError, quoted
from atoll.registry.logins import Login

_MANIFESTS = (
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json"
)
"""What a tag can mean: an image, or one for each platform."""
_CONNECT_SECONDS, _READ_SECONDS = 2.0, 30.0


class Client:
    """What asks one registry as one user."""

    def __init__(self, login: Login) -> None:
        self._login = login
        trust = ssl.create_default_context(cadata=login.authority or None)
        self._pool = urllib3.PoolManager(
            ssl_context=trust,
            retries=False,
            timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS),
            headers=urllib3.make_headers(basic_auth=f"{login.user}:{login.password}"),
        )

    def lets_in(self) -> bool:
        """Whether the registry answers, and takes the login."""
        try:
            return self._pool.request("GET", f"https://{self._login.address}/v2/").status == HTTPStatus.OK
        except urllib3.exceptions.HTTPError:
            return False

    def digest(self, repository: str, tag: str) -> str | None:
        """The digest of what a tag means now, or None where the registry does not say."""
        answer = self._looked(repository, tag)
        if answer is None or answer.status != HTTPStatus.OK:
            return None
        return answer.headers.get("Docker-Content-Digest")

    def lacks(self, repository: str, digest: str) -> bool:
        """Whether the registry says that it has no such manifest; what it does not say, it does not lack."""
        answer = self._looked(repository, digest)
        return answer is not None and answer.status == HTTPStatus.NOT_FOUND

    def delete(self, repository: str, digest: str) -> None:
        """Deletes a manifest; one that is gone already is no error.

        Raises:
            UnavailableError: the registry does not answer, or that it cannot.
            RefusedError: it does not let this user do that.
        """
        where = f"registry {self._login.address}: {repository}@{digest}"
        url = f"https://{self._login.address}/v2/{repository}/manifests/{digest}"
        try:
            status = self._pool.request("DELETE", url).status
        except urllib3.exceptions.HTTPError as error:
            raise UnavailableError(
                f"{where}: found no answer ({quoted(error)}); expected a registry that answers. Try again later."
            ) from error
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise RefusedError(
                f"{where}: found a refusal of {self._login.user} ({status}); expected to be let in."
            )
        if status not in {HTTPStatus.ACCEPTED, HTTPStatus.NOT_FOUND}:
            raise UnavailableError(f"{where}: found {status}; expected it deleted. Try again later.")

    def _looked(self, repository: str, reference: str) -> urllib3.BaseHTTPResponse | None:
        """The answer for a manifest by tag or digest, without it; None where there is none."""
        url = f"https://{self._login.address}/v2/{repository}/manifests/{reference}"
        try:
            return self._pool.request("HEAD", url, headers={**self._pool.headers, "Accept": _MANIFESTS})
        except urllib3.exceptions.HTTPError:
            return None
