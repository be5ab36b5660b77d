"""What is left under a key: in the state of now, in the engine's copies of older ones, and under which key a data key is."""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from atoll.automation import sealing, searching
from atoll.host import Environment
from atoll.secrets import kms, message, sealed
from atoll.secrets.envelope import WrappingKey

_FORM = "AgR4"
"""How every sealed value begins in base64: with its version and algorithm."""


@dataclass(frozen=True)
class Copies:
    """The engine's older copies of the state that only keys of before open, or open something in."""

    history: list[str]
    backups: list[str]

    @property
    def count(self) -> int:
        """How many files there are."""
        return len(self.history) + len(self.backups)


@dataclass
class Finder:
    """Finds what keys (`arns`) sealed in an environment; `today` took over from them.

    `engines` says whether they wrap the engine's data keys.
    """

    environment: Environment
    arns: Collection[str]
    today: WrappingKey
    engines: bool
    _known: dict[str, bool] = field(default_factory=dict)
    _data_keys: dict[str, bool] = field(default_factory=dict)

    def names(self, value: Any) -> bool:
        """Whether something in a value names one of them: by its ARN, or as what sealed it."""
        return any(self._is_one(text) for text in searching.leaves(value))

    def resources(self, state: list[dict[str, Any]]) -> list[str]:
        """The URNs of the resources in a state that name one of them."""
        return [str(each["urn"]) for each in state if self.names(each)]

    def copies(self) -> Copies:
        """The older copies of the state."""
        kept = self.environment.state / ".pulumi"
        of_now = sealing.kept(self.environment)
        backups = [*sorted((kept / "backups").glob("*/*/*")), *of_now.parent.glob(f"{of_now.name}.*")]
        return Copies(self._held(sorted((kept / "history").glob("*/*/*"))), self._held(backups))

    def is_under_today(self, data_key: str) -> bool:
        """Whether the key of today wrapped a data key of the engine's (base64).

        Raises:
            UnavailableError: the KMS does not answer.
        """
        if data_key not in self._data_keys:
            self._data_keys[data_key] = self._opens(data_key)
        return self._data_keys[data_key]

    def _is_one(self, text: str) -> bool:
        if text not in self._known:
            sealed_by = sealed.keys_of(text) if len(text) > sealed.SHORTEST and text.startswith(_FORM) else ()
            self._known[text] = any(arn in text or arn in sealed_by for arn in self.arns)
        return self._known[text]

    def _held(self, paths: Iterable[Path]) -> list[str]:
        return [str(path) for path in paths if self._holds(path)]

    def _holds(self, path: Path) -> bool:
        try:
            copy = json.loads(path.read_bytes())
        except ValueError:
            # One that a full disk cut off is nobody's copy.
            return False
        data_keys = sealing.data_keys_in(copy) if self.engines else set()
        return self.names(copy) or not all(map(self._is_opened_by_today, data_keys))

    def _is_opened_by_today(self, data_key: str) -> bool:
        """Whether the key of today opens a data key of a copy. It is known to be usable: what is denied is another's.

        Of a key that is gone or somebody else's AWS says no more than that access is denied.
        """
        try:
            return self.is_under_today(data_key)
        except kms.DeniedError:
            return False

    def _opens(self, data_key: str) -> bool:
        try:
            with kms.problems(self.today.access, self.today.arn):
                self.today.client.decrypt(
                    CiphertextBlob=message.binary(data_key),
                    EncryptionContext={"environment": self.environment.name},
                    KeyId=self.today.arn,
                )
        except (kms.CiphertextError, ValueError):
            return False
        return True
