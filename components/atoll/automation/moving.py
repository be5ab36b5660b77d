"""What is sealed in the files of an inventory, moved from the keys of before to the one of today.

A file is replaced whole, and only where it is still what was read: whoever edits it meanwhile loses nothing.
"""

import base64
import os
import threading
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from atoll.automation import sealing
from atoll.automation.show import Screen
from atoll.core import files
from atoll.core.errors import IntegrityError, RefusedError, UnavailableError
from atoll.platform import Inventory, loading
from atoll.secrets import kms, message, sealed_texts, sops_wraps
from atoll.secrets.envelope import WrappingKey
from atoll.secrets.message import Context
from atoll.secrets.sealed_texts import Place
from atoll.secrets.sops_forms import Form
from atoll.secrets.sops_wraps import Wrap

_AT_ONCE = 16
_T = TypeVar("_T")
_U = TypeVar("_U")


@dataclass(frozen=True)
class Document:
    """A file of the inventory with something in it that some keys sealed: values in YAML, or the data key of SOPS."""

    path: Path
    content: bytes
    places: tuple[Place, ...] = ()
    wraps: tuple[Wrap, ...] = ()

    @property
    def text(self) -> str:
        """What it holds."""
        return self.content.decode()

    @property
    def sealed(self) -> int:
        """How many of what it holds has to move."""
        return len(self.places) + len(self.wraps)


def documents(inventory: Inventory, arns: Collection[str]) -> list[Document]:
    """The files with something that these keys sealed."""
    stacks = inventory.project / "stacks"
    layers = (_layer(path, arns) for path in loading.files(stacks, inventory.environment))
    declared = (each.sops.file for each in inventory.sealed_secrets.values() if each.sops)
    enclosed = (_sops(inventory.project / name, arns) for name in sorted({*declared}))
    return [document for document in (*layers, *enclosed) if document.sealed]


def refuse(found: Collection[Document], alias: str) -> None:
    """Refuses what could not be moved, before anything is.

    Raises:
        UnavailableError: a file cannot be written.
        RefusedError: a file of SOPS is not written as sops writes it.
    """
    for document in found:
        if not os.access(document.path.resolve().parent, os.W_OK):
            raise UnavailableError(
                f"{document.path.parent}: found a folder that cannot be written; expected one that can "
                f"({document.path.name} has to be sealed anew). Mend that"
            )
        if document.wraps:
            try:
                _rewritten(document, {each: each for each in document.wraps})
            except ValueError as error:
                old = document.wraps[0].arn
                raise RefusedError(
                    f"{document.path}: found {error}; expected a file as sops writes it. Run: sops rotate --in-place "
                    f"--add-kms KEY --rm-kms {old} {document.path} (KEY is an ARN of {alias})"
                ) from error


@dataclass(frozen=True)
class Mover:
    """Seals anew under a key (`new`) what others (`old`, by ARN) sealed in one environment."""

    environment: str
    old: Collection[str]
    new: WrappingKey
    screen: Screen

    def move(self, document: Document) -> None:
        """Seals anew what a file holds.

        Raises:
            IntegrityError: something in it does not open.
            RefusedError: the file became another one meanwhile.
            UnavailableError: the KMS does not answer.
        """
        try:
            text = self._sealed_anew(document) if document.places else self._wrapped_anew(document)
        except IntegrityError as error:
            raise IntegrityError(f"{document.path}: {error}") from error
        path = document.path.resolve()
        if path.read_bytes() != document.content:
            raise RefusedError(
                f"{document.path}: found it changed while it was sealed anew; expected nobody to write it. Run the same "
                "command again"
            )
        files.write(path, text, path.stat().st_mode & 0o777)

    def _sealed_anew(self, document: Document) -> str:
        openers = {arn: self.new.beside(arn) for arn in self.old}
        context = Context(sealing.PROJECT, self.environment, "any")
        told = self._each(
            document.places,
            lambda place: _opener(openers, place).rewrap_text(context, place.told, self.new)[1],
            f"{document.path.name}: values sealed anew",
        )
        return sealed_texts.replaced(document.text, dict(zip(document.places, told, strict=True)))

    def _wrapped_anew(self, document: Document) -> str:
        return _rewritten(document, {each: self._wrapped(each) for each in document.wraps})

    def _wrapped(self, old: Wrap) -> Wrap:
        """A data key under the new key, by a call that shows it to nobody."""
        with kms.problems(self.new.access, old.arn):
            said = self.new.client.re_encrypt(
                CiphertextBlob=message.binary(old.wrapped),
                SourceKeyId=old.arn,
                SourceEncryptionContext=dict(old.context),
                DestinationKeyId=self.new.arn,
                DestinationEncryptionContext=dict(old.context),
            )
        return Wrap(self.new.arn, base64.b64encode(said["CiphertextBlob"]).decode(), old.context)

    def _each(self, items: Collection[_T], work: Callable[[_T], _U], what: str) -> list[_U]:
        """What comes of the work on each, many at a time; how far it is is told."""
        done, lock = 0, threading.Lock()

        def counted(item: _T) -> _U:
            nonlocal done
            found = work(item)
            with lock:
                done += 1
                self.screen.progress(f"{what}: {done} of {len(items)}")
            return found

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            try:
                return list(pool.map(counted, items))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def _opener(openers: Mapping[str, WrappingKey], place: Place) -> WrappingKey:
    return next(key for arn, key in openers.items() if arn in place.header.keys)


def _layer(path: Path, arns: Collection[str]) -> Document:
    content = path.read_bytes() if path.exists() else b""
    places = sealed_texts.places(content.decode())
    return Document(path, content, tuple(each for each in places if {*each.header.keys} & {*arns}))


def _sops(path: Path, arns: Collection[str]) -> Document:
    content = path.read_bytes()
    return Document(path, content, wraps=tuple(sops_wraps.wraps(content.decode(), Form.of(path.name), arns)))


def _rewritten(document: Document, others: dict[Wrap, Wrap]) -> str:
    return sops_wraps.replaced(document.text, Form.of(document.path.name), others)
