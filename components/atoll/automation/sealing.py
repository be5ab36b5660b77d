"""What the engine's state is encrypted by, and bringing it under the environment's key."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from atoll.automation.show import Screen
from atoll.core import files
from atoll.core.errors import IntegrityError, RefusedError
from atoll.host import Environment
from atoll.secrets.local import seat

PROJECT = "atoll"
"""The name in Pulumi.yaml."""
LOCAL = "local"
"""The driver of a KMS on this machine."""
PASSPHRASE = "passphrase"  # noqa: S105 - the engine's name for a kind of provider
_CLOUD = "awskms://"


def kept(environment: Environment) -> Path:
    """The file that the engine keeps the stack's state in."""
    return environment.state / ".pulumi" / "stacks" / PROJECT / f"{environment.name}.json"


def provider(environment: Environment) -> str | None:
    """The provider that the secrets in the state are under: a URL, or `passphrase`; None where there is no state."""
    told = _providers(environment)
    return str((told.get("state") or {}).get("url") or told.get("type") or "") or None


def declared(environment: Environment) -> str | None:
    """The provider that the stack's file names, or None where there is no such file."""
    found = _settings(environment)
    return None if found is None else str(found.get("secretsprovider") or PASSPHRASE)


def data_keys(environment: Environment) -> set[str]:
    """The data keys, each encrypted by the KMS, that the state and the stack file have."""
    in_file = (_settings(environment) or {}).get("encryptedkey")
    return data_keys_in(_state(environment)) | ({str(in_file)} if in_file else set())


def data_keys_in(state: Any) -> set[str]:
    """The data keys, each encrypted by the KMS, that a state or a copy of one has."""
    told = _providers_in(state).get("state") or {}
    return {str(told["encryptedkey"])} if told.get("encryptedkey") else set()


def older(environment: Environment) -> int:
    """How many files there are of states before the one of now."""
    kept = environment.state / ".pulumi"
    return sum(1 for kind in ("history", "backups") for _ in (kept / kind).glob("*/*/*"))


def is_under(environment: Environment, url: str) -> bool:
    """Whether state and stack file are under a provider, each as far as it is there."""
    return {provider(environment), declared(environment)} <= {url, None}


def refuse_lost(environment: Environment) -> None:
    """Refuses to begin without the keys that the state needs.

    Raises:
        IntegrityError: they are gone.
    """
    found = provider(environment) or ""
    if not found.startswith(_CLOUD) or not seat.exists(environment):
        return
    keys = seat.seat(environment).keys
    if not keys.exists():
        name = environment.name
        raise IntegrityError(
            f"{keys}: found none; expected the key that the state is encrypted by. Put a copy of the file there, or "
            f"begin anew: atoll down {name}, then atoll up {name}"
        )


def migrate(environment: Environment, encrypt: Callable[[str], None], url: str, screen: Screen) -> None:
    """Brings a state that is under something else under the environment's key; `encrypt` is the engine's.

    A kill leaves state and stack file each readable by what it was written with, and the next call goes on.

    Raises:
        RefusedError: it is under the key of another KMS.
    """
    found = provider(environment)
    if is_under(environment, url):
        _leave(environment, url)
        return
    if found and found != PASSPHRASE and _key(found) != _key(url):
        raise RefusedError(
            f"environment {environment.name}: found a state that {found} encrypts; expected {url} (the engine cannot "
            "reach two KMS at once). Put the key's old name back into the inventory"
        )
    encrypt(url)
    if provider(environment) not in {url, None}:
        raise IntegrityError(
            f"environment {environment.name}: found its state still under {provider(environment)}; expected {url}."
        )
    _leave(environment, url)
    copies = older(environment)
    left = f"; {copies} older copies of it stay under the passphrase, which is gone" if copies else ""
    screen.say(f"environment {environment.name}: its state is encrypted by a KMS key from now on{left}")


def _leave(environment: Environment, url: str) -> None:
    """Removes the passphrase of old, once the state is seen under the key: of one that is unreadable nobody knows."""
    if provider(environment) == url:
        environment.passphrase.unlink(missing_ok=True)


def _key(url: str) -> str:
    return url.partition("?")[0]


def _providers(environment: Environment) -> dict[str, Any]:
    return _providers_in(_state(environment))


def _providers_in(state: Any) -> dict[str, Any]:
    latest = ((state or {}).get("checkpoint") or {}).get("latest") or {}
    return dict(latest.get("secrets_providers") or {})


def _state(environment: Environment) -> Any:
    try:
        return files.read_json(kept(environment))
    except ValueError:
        # A state that nobody can read is the engine's to tell of.
        return None


def _settings(environment: Environment) -> dict[str, Any] | None:
    try:
        return dict(yaml.safe_load(environment.stack_settings.read_text()) or {})
    except FileNotFoundError:
        return None
