"""How an effect logs in to a registry of any kind, by what the component `Registry` says of it (`reference`)."""

from typing import Any

from atoll.core.effect import Values
from atoll.host import Environment
from atoll.registry import ecr_service
from atoll.registry.ecr import Access
from atoll.registry.kinds import RegistryKind
from atoll.registry.local import launch
from atoll.registry.logins import Login


def login(reference: Values, user: str | None = None) -> Login:
    """A login that works now, as a `user` of a registry of this machine, the first one unless named.

    Raises:
        UnavailableError: the registry is not there or does not answer, or has no such user.
        RefusedError: it is no registry that a caller may log in to.
    """
    if reference["kind"] == RegistryKind.ECR:
        access = Access.current(reference.get("region"), reference.get("endpoint"))
        return ecr_service.service(access).login()
    return launch.login(Environment.current(), reference["registry"], user)


def exists(reference: Values) -> bool:
    """Whether there is somebody to ask for a login: a registry of this machine may be gone."""
    return reference["kind"] == RegistryKind.ECR or launch.exists(
        Environment.current(), reference["registry"]
    )


def same(old: Any, new: Any) -> bool:
    """Whether two lists of references, each with its `address`, name the same registries."""
    return _ordered(old) == _ordered(new)


def _ordered(references: Any) -> list[Any]:
    return sorted(references or (), key=lambda each: str(each.get("address")))
