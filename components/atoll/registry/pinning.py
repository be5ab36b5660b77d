"""From what somebody wrote to an image by its digest; of a tag alone the registry is asked what it means today."""

from atoll.core.errors import ArgsError, AtollError
from atoll.host import Environment
from atoll.registry import references
from atoll.registry.client import Client
from atoll.registry.local import launch
from atoll.registry.logins import Login
from atoll.registry.references import ImageRef


def pinned(text: str) -> ImageRef:
    """The image that a text names by digest.

    Raises:
        ArgsError: it names a tag alone; the text tells the digest where a registry of this machine knows it, else how to
            find it.
    """
    try:
        return ImageRef.parse(text)
    except ArgsError:
        if "@" not in text and (digest := _digest(text)):
            raise ArgsError(references.bare(text, digest)) from None
        raise


def _digest(text: str) -> str | None:
    named, tag = references.split(text)
    address, _, repository = named.partition("/")
    try:
        login = _login(address)
        return Client(login).digest(repository, tag or references.DEFAULT_TAG) if login else None
    except AtollError:
        # It is the tag that is refused. That nobody could say what it means is no other problem.
        return None


def _login(address: str) -> Login | None:
    """The login to a registry of this machine at an address."""
    environment = Environment.current()
    for name in launch.names(environment):
        if launch.seat(environment, name).address == address:
            return launch.login(environment, name)
    return None
