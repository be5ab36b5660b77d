"""Files that sops encrypted with a key of AWS KMS: what they hold, once their MAC was checked. Nothing is written.

The MAC is over the values in their order, each value's place over its own ciphertext. As with sops itself, it does
not cover the names of values that are not encrypted, nor what is null or empty.
Source: github.com/getsops/sops v3.13, sops.go, aes/cipher.go, kms/keysource.go.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from atoll.core.errors import AtollError, IntegrityError, RefusedError, SettingsError
from atoll.secrets import kms, message, sops_forms
from atoll.secrets.sops_forms import Form, Tree

_VALUE = re.compile(r"ENC\[AES256_GCM,data:(.+),iv:(.+),tag:(.+),type:(.+)\]", re.DOTALL)
_ONLY_ENCRYPTED = hashlib.sha256(b"sops").digest()
"""What the MAC over encrypted values alone begins with."""
_RULES = ("unencrypted_suffix", "encrypted_suffix", "unencrypted_regex", "encrypted_regex")
_COMMENT_RULES = ("unencrypted_comment_regex", "encrypted_comment_regex")
_UNLESS_SAID = {"unencrypted_suffix": "_unencrypted"}
_OTHER_KEYS = ("age", "pgp", "gcp_kms", "hckms", "azure_kv", "hc_vault")
_TAG = 16
_WRONG = (InvalidTag, ValueError, KeyError, TypeError, AttributeError, re.error)
"""What a file that was changed can lead to."""
Path = tuple[str, ...]
"""Where a value is, without its places in lists."""


@dataclass(frozen=True)
class Reader:
    """Reads such files by the keys of one KMS, or by some of them alone. May be shared between threads."""

    access: kms.Access
    arns: tuple[str, ...] = ()

    @cached_property
    def client(self) -> Any:
        """The client, made once."""
        return kms.client(self.access)

    def open(self, text: str, form: Form, what: str) -> Tree:
        """What a file holds in plain, with one call of the KMS; dates stay text. `what` names it in errors.

        Raises:
            IntegrityError: it is not as sops wrote it.
            SettingsError: it is none that sops encrypted.
            RefusedError: it takes other keys than one of AWS KMS.
            UnavailableError: the KMS does not answer, or may not use the key.
        """
        try:
            tree, told = sops_forms.read(text, form)
            if told is None:
                raise SettingsError(
                    f"{what}: found nothing that sops says of it; expected a file that sops encrypted"
                )
            entries = _entries(told, what)
            data_key = self._data_key(entries)
            return _checked(tree, told, data_key)
        except (*_WRONG, kms.CiphertextError) as error:
            raise _integrity(what) from error

    def _data_key(self, entries: list[Tree]) -> bytes:
        """From the first key that opens it; what the last one said where none does."""
        said: AtollError | None = None
        for entry in entries:
            if self.arns and entry["arn"] not in self.arns:
                continue
            try:
                with kms.problems(self.access, entry["arn"]):
                    return bytes(
                        self.client.decrypt(
                            CiphertextBlob=message.binary(entry["enc"]),
                            EncryptionContext=entry.get("context") or {},
                            KeyId=entry["arn"],
                        )["Plaintext"]
                    )
            except AtollError as error:
                said = error
        raise said or ValueError("no key")


def _integrity(what: str) -> IntegrityError:
    return IntegrityError(
        f"{what}: found a file that does not open; expected one as sops wrote it, whole and unchanged. "
        "Take it again from where it was encrypted."
    )


def _entries(told: Tree, what: str) -> list[Tree]:
    """The keys of AWS KMS that open a file."""
    if told.get("key_groups"):
        raise RefusedError(
            f"{what}: found a data key that is shared between groups of keys; expected one group. "
            "Encrypt it without key_groups."
        )
    entries = [dict(each) for each in told.get("kms") or []]
    if not entries:
        others = ", ".join(name for name in _OTHER_KEYS if told.get(name)) or "none"
        raise RefusedError(
            f"{what}: found keys of other kinds ({others}); expected one of AWS KMS. Run: sops rotate --add-kms ARN"
        )
    if roles := [each["role"] for each in entries if each.get("role")]:
        raise RefusedError(
            f"{what}: found the role {roles[0]}; expected a key without one (the login decides what may be opened)"
        )
    return entries


def _checked(tree: Tree, told: Tree, data_key: bytes) -> Tree:
    """The tree in plain, when its MAC is the one that sops wrote."""
    walk = _Walk(_Cipher(data_key), _rule(told), only_encrypted=_is_true(told.get("mac_only_encrypted")))
    plain = {key: walk.value(each, (key,)) for key, each in tree.items()}
    mac = walk.cipher.opened(told["mac"], told["lastmodified"])
    if not hmac.compare_digest(str(mac), walk.digest.hexdigest().upper()):
        raise ValueError("the MAC is another")
    return plain


def _is_true(value: Any) -> bool:
    return value is True or value == "true"


def _rule(told: Tree) -> Callable[[Path, Any], bool]:
    """Whether a value is one that is encrypted."""
    if any(told.get(name) for name in _COMMENT_RULES):
        # Which comment belongs to which value is up to sops. It encrypted what looks like it; the MAC proves it.
        return lambda _path, value: isinstance(value, str) and bool(_VALUE.match(value))
    said: Mapping[str, Any] = {name: told[name] for name in _RULES if told.get(name)} or _UNLESS_SAID
    if len(said) > 1:
        raise ValueError("more than one rule")
    ((name, wanted),) = said.items()
    matches = re.compile(wanted).search if name.endswith("regex") else lambda part: part.endswith(wanted)
    return lambda path, _value: any(map(matches, path)) == (not name.startswith("un"))


class _Walk:
    """Opens the values of a tree in their order, and sums them up for the MAC."""

    def __init__(self, cipher: "_Cipher", rule: Callable[[Path, Any], bool], *, only_encrypted: bool) -> None:
        self.cipher, self._rule, self._only_encrypted = cipher, rule, only_encrypted
        self.digest = hashlib.sha512(_ONLY_ENCRYPTED if only_encrypted else b"")

    def value(self, value: Any, path: Path) -> Any:
        """The plain value of one, or of all below it."""
        if isinstance(value, dict):
            return {key: self.value(each, (*path, key)) for key, each in value.items()}
        if isinstance(value, list):
            items = (self.value(each, path) for each in value)
            return [each for each in items if not isinstance(each, _Comment)]
        return value if value is None else self._leaf(value, path)

    def _leaf(self, value: Any, path: Path) -> Any:
        encrypted = self._rule(path, value)
        plain = self.cipher.opened(value, "".join(f"{each}:" for each in path)) if encrypted else value
        if (encrypted or not self._only_encrypted) and not isinstance(plain, _Comment):
            self.digest.update(_summed(plain).encode())
        return plain


class _Cipher:
    """AES-256-GCM as sops uses it: a nonce of 32 bytes, and the value's place as additional data."""

    def __init__(self, data_key: bytes) -> None:
        self._cipher = AESGCM(data_key)

    def opened(self, value: Any, place: str) -> Any:
        """A value in plain; one that is empty was never encrypted."""
        if value == "":
            return value
        found = _VALUE.fullmatch(value)
        if not found:
            raise ValueError("a value that is not encrypted")
        data, nonce, tag = map(message.binary, found.groups()[:3])
        if len(tag) != _TAG:
            raise ValueError("a short tag")
        return _READ[found[4]](self._cipher.decrypt(nonce, data + tag, place.encode()).decode())


class _Comment(str):
    """Of a list's comments sops makes items; they are none, and its MAC leaves them out."""

    __slots__ = ()


def _truth(text: str) -> bool:
    return {"True": True, "False": False}[text]


_READ: dict[str, Callable[[str], Any]] = {
    "str": str,
    "bytes": str,
    "time": str,
    "int": int,
    "float": float,
    "bool": _truth,
    "comment": _Comment,
}


def _summed(value: Any) -> str:
    """A value as the MAC takes it."""
    if isinstance(value, float):
        return _decimal(value)
    return str(value)


def _decimal(value: float) -> str:
    """The shortest digits that mean the number, without an exponent."""
    found = Decimal(repr(value))
    if not found.is_finite():
        return {"inf": "+Inf", "-inf": "-Inf"}.get(str(value), "NaN")
    digits = format(found, "f")
    return digits.rstrip("0").rstrip(".") if "." in digits else digits
