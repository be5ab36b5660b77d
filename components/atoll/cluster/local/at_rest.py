"""The keys that an API server encrypts its store with, as its file has them: the file is the state of a rotation. Pure.

Its first key encrypts, and all of them decrypt. One key is settled; several are a rotation that goes on until nothing
in the store needs any but the first. A cluster has one API server: a new key may come first at once.

Source: https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import yaml

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NAME = re.compile(r"key(\d+)")
_ENCRYPTED = b"k8s:enc:"


class Step(StrEnum):
    """What a rotation has to do next in a cluster."""

    BEGIN = "begin"
    """A new key is put before the one that there is."""
    COMPLETE = "complete"
    """What other keys encrypted is encrypted anew; then they go."""
    NONE = "none"
    """It has the key that it should have, and no other."""


@dataclass(frozen=True)
class Key:
    """One key: the store has its name before each value that it encrypted."""

    name: str
    secret: bytes = field(repr=False)

    @classmethod
    def numbered(cls, number: int, secret: bytes) -> "Key":
        """The key of a number; a cluster never has a number twice."""
        return cls(f"key{number}", secret)

    @property
    def number(self) -> int:
        """Its number; one that somebody else named comes before all others."""
        found = _NAME.fullmatch(self.name)
        return int(found[1]) if found else 0

    def encrypted(self, value: bytes) -> bool:
        """Whether a value of the store, or its beginning, is one that this key encrypted."""
        return value.startswith(_ENCRYPTED + f"secretbox:v1:{self.name}:".encode())


@dataclass(frozen=True)
class Configuration:
    """What an API server encrypts (`secrets`, `works.work.karmada.io`), and the keys for it."""

    resources: tuple[str, ...]
    keys: tuple[Key, ...]

    @classmethod
    def read(cls, text: str) -> "Configuration":
        """From the API server's file.

        Raises:
            ValueError: it has no key.
        """
        try:
            (section,) = yaml.load(text, Loader=_LOADER)["resources"]  # noqa: S506 - a safe loader, the fast one
            keys = tuple(map(_key, section["providers"][0]["secretbox"]["keys"]))
            resources = tuple(map(str, section["resources"]))
        except (yaml.YAMLError, LookupError, TypeError) as error:
            raise ValueError(str(error)) from error
        if not keys:
            raise ValueError("no key")
        return cls(resources, keys)

    def text(self) -> str:
        """The API server's file: plain text stays readable, which is what was stored before there was a key."""
        keys = [{"name": each.name, "secret": base64.b64encode(each.secret).decode()} for each in self.keys]
        providers = [{"secretbox": {"keys": keys}}, {"identity": {}}]
        return yaml.safe_dump(
            {
                "apiVersion": "apiserver.config.k8s.io/v1",
                "kind": "EncryptionConfiguration",
                "resources": [{"resources": list(self.resources), "providers": providers}],
            }
        )

    @property
    def current(self) -> Key:
        """The key that encrypts."""
        return self.keys[0]

    def begun(self, key: Key) -> "Configuration":
        """With a new key that encrypts from now on."""
        return replace(self, keys=(key, *self.keys))

    def completed(self) -> "Configuration":
        """With no key but the one that encrypts."""
        return replace(self, keys=self.keys[:1])

    def next(self, number: int) -> Step:
        """What leads to the key of a number alone, or to a later one."""
        if len(self.keys) > 1:
            return Step.COMPLETE
        return Step.BEGIN if self.current.number < number else Step.NONE


def target(clusters: Iterable[Configuration]) -> int:
    """The number of the key that a rotation of clusters leads to.

    Where one was begun and not completed it is that one's, so that who asks again after a kill rotates no cluster twice.
    """
    known = list(clusters)
    open_ = [each.current.number for each in known if len(each.keys) > 1]
    return max(open_) if open_ else max((each.current.number for each in known), default=0) + 1


def loaded(metrics: str, file: bytes) -> bool:
    """Whether an API server says in its metrics that it goes by a file of this content.

    Source: k8s.io/apiserver, pkg/server/options/encryptionconfig (its metrics, and computeEncryptionConfigHash).
    """
    wanted = f'hash="sha256:{hashlib.sha256(file).hexdigest()}"'
    lines = (line for line in metrics.splitlines() if line.startswith(_INFO))
    return any(wanted in re.split("[{,}]", line) for line in lines)


_INFO = "apiserver_encryption_config_controller_last_config_info{"


def _key(entry: Mapping[str, Any]) -> Key:
    return Key(str(entry["name"]), base64.b64decode(entry["secret"], validate=True))
