"""What leaves by another way than the engine's: clusters to be forgotten, clusters and registries that nobody knows of."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from atoll.automation import looking, sealing
from atoll.automation.engine import Engine
from atoll.automation.looking import Access
from atoll.cluster.local import launch
from atoll.core import naming
from atoll.core.errors import ArgsError, RefusedError
from atoll.federation import forgetting, joining, member_effects
from atoll.host import Environment
from atoll.kubernetes import Api, Kubeconfig
from atoll.platform import CONTROL_PLANE, Inventory, problems
from atoll.registry.local import building, buildkit
from atoll.registry.local import launch as registries

_SURE = 2
"""How often a member must have been silent: one that restarts is back at the second time."""
_PAUSE = 2.0
_REGISTRY = naming.type_token("LocalRegistry")
_BUILDER = naming.type_token("ImageBuilder")


def refuse_declared(inventory: Inventory, name: str) -> None:
    """Refuses to forget what the same run would bring back.

    Raises:
        RefusedError: the inventory has it still.
    """
    where = f"stacks/{inventory.environment}.yaml"
    if name == CONTROL_PLANE:
        raise RefusedError(
            f"{where}: {name}: found the control plane; expected a cluster (without a plane there is no fleet). "
            f"Remove the environment: atoll down {inventory.environment}"
        )
    if name in inventory.clusters:
        raise RefusedError(
            f"{where}: clusters.{name}: found it declared; expected it gone from the inventory (or this run would "
            f"bring it back). Take it out there, then: atoll up {inventory.environment} --forget {name}"
        )


def clear_unknown(environment: Environment, inventory: Inventory, state: list[dict[str, Any]]) -> list[str]:
    """Removes clusters of this machine that neither the inventory nor the state knows and no other stack made.

    Returns their names.

    A plugin that dies while it makes one leaves it so: the engine does not keep a creation that failed, and nobody asks
    for it any more once the inventory has dropped it.
    """
    known = {CONTROL_PLANE, *inventory.clusters, *looking.members(state)}
    strange = sorted(set(launch.names(environment)) - known)
    unknown = [name for name in strange if _is_ours(environment, launch.owner(environment, name))]
    for name in unknown:
        launch.remove(environment, name)
    return unknown


def clear_registries(
    environment: Environment, inventory: Inventory, state: list[dict[str, Any]]
) -> list[str]:
    """Removes registries of this machine that neither inventory nor state knows, and no other stack; returns their names."""
    known = {each["inputs"]["name"] for each in state if each["type"] == _REGISTRY}
    unknown = [
        name
        for name in registries.names(environment)
        if name not in known
        and name not in inventory.registries
        and _is_ours(environment, registries.owner(environment, name))
    ]
    for name in unknown:
        registries.remove(environment, registries.seat(environment, name))
    return unknown


def _is_ours(environment: Environment, owner: str) -> bool:
    """Whether nothing says that another stack made it."""
    return owner in {"", f"{sealing.PROJECT}/{environment.name}"}


def clear_undeclared(environment: Environment, inventory: Inventory, state: list[dict[str, Any]]) -> None:
    """Removes what the state does not know, whatever the inventory declares: after all of it was to go."""
    nothing = replace(inventory, clusters={}, registries={}, images={})
    clear_unknown(environment, nothing, state)
    clear_registries(environment, nothing, state)
    clear_builder(environment, nothing, state)


def clear_builder(environment: Environment, inventory: Inventory, state: list[dict[str, Any]]) -> bool:
    """Removes the builder of this machine where neither the inventory nor the state knows one; returns whether."""
    known = any(each["type"] == _BUILDER and not each["inputs"].get("existing") for each in state)
    if known or buildkit.PROGRAM in inventory.programs or not building.exists(environment):
        return False
    building.remove(environment)
    return True


def forget(environment: Environment, engine: Engine, places: list[Access], name: str) -> str:
    """Takes a dead member out of the plane, so that the engine has nothing to ask it; returns what is to be said.

    Raises:
        ArgsError: nothing of this name was ever here.
        RefusedError: the member answers, so that it can leave as any other.
    """
    state = looking.members(engine.state())
    if name not in state and not forgetting.is_noted(environment, name):
        known = sorted({*state, *(place.name for place in places)} - {CONTROL_PLANE})
        raise ArgsError(f"--forget: {problems.unknown(name, known)}")
    plane = Api(Kubeconfig.read(_path(places).read_text()))
    if not forgetting.is_noted(environment, name) and _answers(plane, name):
        raise RefusedError(
            f"cluster {name}: found it alive; expected one that will never return (it can leave properly, and be "
            f"cleared). Run: atoll up {environment.name}"
        )
    forgetting.note(environment, name)
    forgetting.clear(plane, name)
    if state.get(name, False) or name not in state:
        return f"cluster {name}: forgotten; nothing of it is left"
    return (
        f"cluster {name}: forgotten; what was carried there stays in it, and so do Karmada's rights. If it comes back, "
        f"let it join again, or delete ClusterRoleBinding {joining.role(name)} and namespace "
        f"{joining.CLUSTER_NAMESPACE} in it"
    )


def _answers(plane: Api, name: str) -> bool:
    for left in reversed(range(_SURE)):
        if member_effects.silence_of(plane, name) is None:
            return True
        time.sleep(_PAUSE if left else 0)
    return False


def _path(places: list[Access]) -> Path:
    return next(place.path for place in places if place.role == looking.PLANE)
