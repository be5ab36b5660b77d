"""The keys of a local KMS: moto's model of them, with what moto leaves out: their states and their life on disk.

What moto does not do and this neither: key policies and grants are kept and told, and nobody is measured by them.
"""

import base64
import hashlib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.core.utils import camelcase_to_underscores
from moto.kms.models import Key, KmsBackend, kms_backends
from moto.kms.responses import KmsResponse

from atoll.secrets.local import keeping, states, translation
from atoll.secrets.local.keeping import StoredKey
from atoll.secrets.local.seat import REGION
from atoll.secrets.local.translation import ACCOUNT

_ID_LENGTH = 36
"""How many bytes of a ciphertext of moto's name its key."""
_AMAZONS = "alias/aws/"
_CONTEXTS = ("EncryptionContext", "SourceEncryptionContext", "DestinationEncryptionContext")
_BODY = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """The HTTP status and the JSON of an answer."""

    status: int
    body: str


class Refusal(Exception):  # noqa: N818 - it is the KMS's answer, and no failure of ours
    """An error as the API tells it."""

    def __init__(self, code: str, message: str = "") -> None:
        self.code, self.message = code, message
        super().__init__(message)


def refused(code: str, message: str = "", status: int = 400) -> Answer:
    """An error of the API."""
    return Answer(status, json.dumps({"__type": code, "message": message}))


class Backend:
    """The keys of one file. It answers one call at a time, and a call that changes something once that is on disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._load()

    def call(self, operation: str, content: bytes) -> Answer:
        """Answers a call of the API."""
        try:
            body = _parsed(content)
            with self._lock:
                self._refuse(operation, body)
                if operation == "CreateKey":
                    # moto leaves empty what nobody said.
                    body = {**states.ONLY, **body}
                if "KeyId" in body:
                    # Where moto wants an id, it does not always take an ARN.
                    body["KeyId"] = self._key(body["KeyId"]).id
                return self._done(operation, _bound(body))
        except Refusal as error:
            return refused(error.code, error.message)
        except JsonRESTError as error:
            return Answer(int(error.code), error.description)

    def _done(self, operation: str, body: _BODY) -> Answer:
        try:
            said = self._ask(operation, body)
            if operation in states.CHANGES:
                keeping.write(self._path, self._stored())
        except OSError as error:
            # What could not be written was not done.
            self._load()
            return refused("KMSInternalException", f"the keys cannot be written ({error.strerror})", 500)
        except BaseException:
            if operation in states.CHANGES:
                self._load()
            raise
        return Answer(200, said)

    def _ask(self, operation: str, body: _BODY) -> str:
        """What moto says, with what it leaves out."""
        asked = KmsResponse()
        asked.region, asked.current_account, asked.body = REGION, ACCOUNT, json.dumps(body)
        try:
            said: str = getattr(asked, camelcase_to_underscores(operation))()
        except (KeyError, AttributeError, TypeError) as error:
            # It looks some things up without looking whether they are there.
            raise Refusal("ValidationException", f"{operation} without {error}") from error
        return self._completed(operation, body, said)

    def _completed(self, operation: str, body: _BODY, said: str) -> str:
        """An answer of moto's with what it does not keep: the rotation period. It lists Amazon's own aliases too."""
        told = json.loads(said) or {}
        if operation == "EnableKeyRotation":
            self._periods[body["KeyId"]] = body.get("RotationPeriodInDays", states.PERIOD)
        if operation == "GetKeyRotationStatus" and told["KeyRotationEnabled"]:
            told["RotationPeriodInDays"] = self._periods.get(body["KeyId"], states.PERIOD)
        if operation == "ListAliases":
            told["Aliases"] = [each for each in told["Aliases"] if not each["AliasName"].startswith(_AMAZONS)]
        return json.dumps(told)

    def _refuse(self, operation: str, body: _BODY) -> None:
        """Raises where AWS would say no and moto does not."""
        if found := states.limit(operation, body):
            raise Refusal(*found)
        for name in ("KeyId", "TargetKeyId", "DestinationKeyId"):
            if name in body:
                self._refuse_state(operation, self._key(body[name]))
        if operation in {"UpdateAlias", "DeleteAlias"}:
            self._key(body.get("AliasName"))
        if operation in {"Decrypt", "ReEncrypt"}:
            key = self._of_ciphertext(body.get("CiphertextBlob"))
            self._refuse_state(operation, key)
            wanted = body.get("KeyId") or body.get("SourceKeyId")
            if wanted is not None and self._key(wanted).id != key.id:
                raise Refusal("IncorrectKeyException", "the ciphertext is one of another key")

    def _refuse_state(self, operation: str, key: Key) -> None:
        if code := states.refusal(operation, key.key_state):
            pending = key.key_state == states.PENDING
            raise Refusal(code, f"{key.arn} is {'pending deletion' if pending else key.key_state.lower()}.")

    def _key(self, named: Any) -> Key:
        """A key by id, ARN, alias or alias ARN."""
        name = str(named)
        short = name.rpartition(":")[2].removeprefix("key/") if name.startswith("arn:") else name
        for key in self._moto.keys.values():
            if short == key.id or short in key.aliases:
                return key
        what = "Alias" if "alias/" in short else "Key"
        raise Refusal("NotFoundException", f"{what} '{name}' does not exist")

    def _of_ciphertext(self, blob: Any) -> Key:
        try:
            name = base64.b64decode(str(blob), validate=True)[:_ID_LENGTH].decode("ascii")
        except ValueError as error:
            raise Refusal("InvalidCiphertextException") from error
        if name not in self._moto.keys:
            # As AWS says it: who may not use a key does not learn whether there is one.
            raise Refusal("AccessDeniedException", "The ciphertext refers to a key that does not exist")
        return self._moto.keys[name]

    def _load(self) -> None:
        stored = keeping.read(self._path)
        self._moto: KmsBackend = kms_backends[ACCOUNT][REGION]
        self._moto.reset()
        self._periods = {key.id: key.period for key in stored}
        for each in stored:
            self._moto.keys[each.id] = translation.restored(each)
            self._moto.tagger.tag_resource(each.id, each.tags)

    def _stored(self) -> list[StoredKey]:
        return [
            replace(
                translation.stored(key),
                period=self._periods.get(key.id, states.PERIOD),
                tags=self._moto.tagger.list_tags_for_resource(key.id)["Tags"],
            )
            for key in self._moto.keys.values()
        ]


def _parsed(content: bytes) -> _BODY:
    try:
        body = json.loads(content or b"{}")
    except ValueError as error:
        raise Refusal("SerializationException", "the body is no JSON") from error
    if not isinstance(body, dict):
        raise Refusal("SerializationException", "the body is no map")
    return {name: value for name, value in body.items() if value is not None}


def _bound(body: Mapping[str, Any]) -> _BODY:
    """The call with its encryption contexts as digests: moto joins their names and values without a border."""
    bound = dict(body)
    for name in _CONTEXTS:
        if context := bound.get(name):
            digest = hashlib.sha256(json.dumps(context, sort_keys=True).encode()).hexdigest()
            bound[name] = {"sha256": digest}
    return bound
