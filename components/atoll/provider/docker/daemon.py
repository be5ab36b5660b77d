"""The Docker engine that a provider stands for: found by its settings, asked when it is needed."""

import contextlib
import json
import os
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import requests
from docker import APIClient, errors, tls

from atoll.core.errors import RefusedError, UnavailableError, quoted
from atoll.provider.docker.settings import Settings, Tls
from atoll.registry import references
from atoll.registry.logins import Login

_SECONDS = 60
"""Of silence until an engine is given up; pulls and pushes say something all the time."""


class Daemon:
    """An engine. Safe to share between threads; nothing is asked before it is needed."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._api: APIClient | None = None
        self._held: list[int] = []

    @property
    def api(self) -> APIClient:
        """The engine's API, in the version that it speaks.

        Raises:
            UnavailableError: there is none, or it does not answer.
        """
        with self._lock:
            if self._api is None:
                with told(f"docker engine {self.settings.host}"):
                    self._api = APIClient(
                        base_url=self.settings.host,
                        version="auto",
                        timeout=_SECONDS,
                        tls=self._secured(self.settings.tls),
                    )
            return self._api

    def close(self) -> None:
        """Lets the engine go."""
        with self._lock:
            if self._api is not None:
                self._api.close()
                self._api = None
            while self._held:
                os.close(self._held.pop())

    def image(self, name: str) -> dict[str, Any] | None:
        """An image of the engine's by any of its names, or None where it has none."""
        with told(f"image {name}"):
            try:
                found: dict[str, Any] = self.api.inspect_image(name)
            except errors.ImageNotFound:
                return None
            return found

    def container(self, name: str) -> dict[str, Any] | None:
        """A container by id or name, or None where there is none."""
        with told(f"container {name}"):
            try:
                found: dict[str, Any] = self.api.inspect_container(name)
            except errors.NotFound:
                return None
            return found

    def pull(self, name: str, platform: str) -> None:
        """Has the engine pull an image, with the login of its registry where there is one.

        Raises:
            RefusedError: it cannot be had; the text is the engine's.
        """
        place = references.place(name)
        # A registry's own word on what the name means, digest and all, is the engine's to read.
        repository, tag = (name, None) if "@" in name else _tagged(name)
        with told(f"image {name}"):
            said = self.api.pull(
                repository,
                tag=tag,
                stream=True,
                decode=True,
                auth_config=_authentication(self.settings.login(place.address)),
                platform=platform or None,
            )
            _follow(f"image {name}", said)

    def push(self, name: str, login: Login) -> None:
        """Has the engine push an image; raises what `pull` does."""
        repository, tag = _tagged(name)
        with told(f"image {name}"):
            said = self.api.push(
                repository, tag=tag, stream=True, decode=True, auth_config=_authentication(login)
            )
            _follow(f"image {name}", said)

    def _secured(self, given: Tls) -> tls.TLSConfig | bool:
        if not given:
            return False
        pair = (given.certificate, given.key)
        return tls.TLSConfig(
            client_cert=(self._path(pair[0]), self._path(pair[1])) if all(pair) else None,
            ca_cert=self._path(given.authority) if given.authority else None,
            verify=bool(given.authority),
        )

    def _path(self, text: str) -> str:
        """A path under which this process alone can read a text, since the client takes nothing else."""
        number = os.memfd_create("atoll-docker-tls")
        os.write(number, text.encode())
        self._held.append(number)
        return f"/proc/self/fd/{number}"


@contextlib.contextmanager
def told(where: str) -> Iterator[None]:
    """Tells what an engine answers in one line of ours.

    Raises:
        UnavailableError: it does not answer, or failed.
        RefusedError: it does not do that.
    """
    try:
        yield
    except errors.APIError as error:
        said = quoted(error.explanation or error)
        if error.is_server_error() and error.status_code != requests.codes.internal_server_error:
            raise UnavailableError(
                f"{where}: found {said}; expected an engine that answers. Try again later."
            ) from error
        raise RefusedError(f"{where}: found {said}; expected the engine to do it") from error
    except (errors.DockerException, requests.RequestException) as error:
        raise UnavailableError(
            f"{where}: found no Docker engine that answers ({quoted(error)}); expected one. Start it, or name another "
            "by the provider's `host`."
        ) from error


def _tagged(name: str) -> tuple[str, str]:
    repository, tag = references.split(name)
    return repository, tag or references.DEFAULT_TAG


def _authentication(login: Login) -> dict[str, str] | None:
    """A login as the API's header carries it; None would have the client read the caller's own configuration."""
    return {"username": login.user, "password": login.password, "serveraddress": login.address}


def _follow(where: str, said: Iterable[dict[str, Any]]) -> None:
    """Waits for the end of a pull or a push, whose errors come in the stream."""
    for line in said:
        if problem := line.get("error"):
            raise RefusedError(f"{where}: found {_problem(problem)}; expected the engine to get it")


def _problem(problem: Any) -> str:
    return quoted(problem if isinstance(problem, str) else json.dumps(problem))
