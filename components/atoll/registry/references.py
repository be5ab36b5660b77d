"""What an image is called by so that it can never become another one: its repository and its digest. Pure.

Source: https://github.com/distribution/reference/blob/main/reference.go (the grammar)
"""

import re
from dataclasses import dataclass

from atoll.core.errors import ArgsError

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_HOST = r"(?:[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*|\[[0-9a-f:]+\])(?::[0-9]+)?"
_REPOSITORY = re.compile(rf"(?:{_HOST}/)?{_PART}(?:/{_PART})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
DEFAULT_TAG = "latest"
"""What a name without tag and digest means to every client."""


@dataclass(frozen=True)
class ImageRef:
    """An image by its digest. `repository` is with its registry, as `host:port/team/app`."""

    repository: str
    digest: str

    @classmethod
    def parse(cls, text: str) -> "ImageRef":
        """Reads `repo@sha256:…`, or `repo:tag@sha256:…`, of which the digest alone decides.

        Raises:
            ArgsError: it is none, or names a tag alone, which can come to mean another image at any time.
        """
        named, _, digest = text.partition("@")
        repository, tag = split(named)
        if not _REPOSITORY.fullmatch(repository) or (tag and not _TAG.fullmatch(tag)):
            raise ArgsError(f"image: found {text!r}; expected repository@sha256:… (64 hexadecimal digits)")
        if not digest:
            raise ArgsError(bare(text, None))
        if not _DIGEST.fullmatch(digest):
            raise ArgsError(f"image {named}: found digest {digest!r}; expected sha256: and 64 of 0-9 a-f")
        return cls(repository, digest)

    def __str__(self) -> str:
        return f"{self.repository}@{self.digest}"


def split(named: str) -> tuple[str, str]:
    """Repository and tag of a name without digest; a colon before a slash is a port's."""
    repository, colon, tag = named.rpartition(":")
    return (repository, tag) if colon and "/" not in tag else (named, "")


def is_tag(text: str) -> bool:
    """Whether a text can be a tag."""
    return bool(_TAG.fullmatch(text))


def bare(text: str, digest: str | None) -> str:
    """The line that refuses a tag alone; `digest` is what it means today, where that could be found."""
    repository, tag = split(text)
    named = f"{repository}:{tag or DEFAULT_TAG}"
    if digest:
        return f"image {named}: found a tag alone; expected its digest. Today that is {repository}@{digest}"
    return (
        f"image {named}: found a tag alone; expected its digest, as {repository}@sha256:… (a tag can come to mean another "
        f"image). Find it: docker buildx imagetools inspect {named}"
    )


HUB = "registry-1.docker.io"
"""The registry of names that tell none."""


@dataclass(frozen=True)
class Place:
    """Where a name leads: the registry's address, the repository in it, and a tag or digest there."""

    address: str
    repository: str
    reference: str


def place(name: str) -> Place:
    """Where clients look for what a name means; of a tag and a digest the digest decides."""
    named, _, digest = name.partition("@")
    repository, tag = split(named)
    host, slash, rest = repository.partition("/")
    reference = digest or tag or DEFAULT_TAG
    if slash and (host == "localhost" or "." in host or ":" in host):
        return Place(HUB if host in {"docker.io", "index.docker.io"} else host, rest, reference)
    return Place(HUB, repository if slash else f"library/{repository}", reference)
