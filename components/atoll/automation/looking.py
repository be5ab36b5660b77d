"""Looking into an environment as it is: kubeconfigs, and which clusters answer."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from atoll.automation import recap
from atoll.automation.recap import Recap, Tally
from atoll.core import files
from atoll.core.errors import ArgsError, AtollError, UnavailableError
from atoll.federation.delivery_effects import Watch
from atoll.host import Environment
from atoll.kubernetes import Api, Kubeconfig
from atoll.platform import CONTROL_PLANE, Inventory

_PATIENCE = 3.0
Status = dict[str, Any]
"""The properties of a propagation's status: objects, clusters, delivered."""


@dataclass(frozen=True)
class Access:
    """One API server of an environment: `role` is `control-plane` or `member`; `path` may not exist yet."""

    name: str
    role: str
    path: Path


def accesses(environment: Environment, inventory: Inventory) -> list[Access]:
    """Every API server of the environment with the kubeconfig that its owner alone can read."""
    settings = {CONTROL_PLANE: inventory.control_plane, **inventory.clusters}
    return [
        Access(name, "control-plane" if name == CONTROL_PLANE else "member", _path(environment, name, each))
        for name, each in settings.items()
    ]


def access(environment: Environment, inventory: Inventory, name: str) -> Access:
    """One of them.

    Raises:
        ArgsError: there is none of this name.
        UnavailableError: it is declared and was never brought up.
    """
    known = {entry.name: entry for entry in accesses(environment, inventory)}
    if name not in known:
        raise ArgsError(f"kubeconfig: found {name!r}; expected one of: {', '.join(known)}")
    if not known[name].path.exists():
        raise UnavailableError(
            f"cluster {name}: found no kubeconfig; expected one. Run: atoll up {environment.name}"
        )
    return known[name]


def statuses(state: list[dict[str, Any]]) -> dict[str, Status]:
    """The properties of every propagation's status, by propagation."""
    found = (resource for resource in state if resource["type"] == recap.GATE)
    return {
        resource["inputs"]["name"]: {**resource["inputs"], **(resource.get("outputs") or {})}
        for resource in found
    }


def silent(places: list[Access]) -> dict[str, str]:
    """Why a cluster does not answer, for each that does not."""
    with ThreadPoolExecutor(max(len(places), 1)) as pool:
        reasons = dict(zip((place.name for place in places), pool.map(_silence, places), strict=True))
    return {name: reason for name, reason in reasons.items() if reason}


def delivered(places: list[Access], known: Mapping[str, Status]) -> dict[str, Status]:
    """The statuses with what each member has now, asked through the plane; as they are where that is silent."""
    plane = next(place for place in places if place.role == "control-plane")
    if not known or _silence(plane):
        return dict(known)
    text = plane.path.read_text()
    return {name: _asked({**status, "access": text}) for name, status in known.items()}


def live(places: list[Access], known: Mapping[str, Status]) -> Recap:
    """The recap of what is live: what each member runs of what was propagated to it."""
    reasons = silent(places)
    found: Recap = {place.name: Tally(ok=int(place.name not in reasons)) for place in places}
    for status in delivered(places, known).values():
        for cluster, count in status["delivered"].items():
            missing = len(status["objects"]) - count
            found[cluster] = found.get(cluster, Tally()).plus(ok=count, failed=missing)
    return recap.unreachable(found, reasons)


def _asked(status: Status) -> Status:
    watch = Watch(status)
    return {**status, "delivered": watch.delivered(watch.look())}


def _path(environment: Environment, name: str, settings: Any) -> Path:
    """Where the kubeconfig is; that of an existing cluster is reduced to its one context."""
    if settings.driver == "local":
        return environment.clusters / name / "pki" / "admin.kubeconfig"
    path = files.folder(environment.folder / "kubeconfigs") / f"{name}.kubeconfig"
    source = Path(settings.kubeconfig.file).expanduser()
    source = source if source.is_absolute() else environment.project / source
    if source.exists():
        files.write(
            path, Kubeconfig.read(source.read_text(), settings.kubeconfig.context, source.parent).text()
        )
    return path


def _silence(place: Access) -> str | None:
    try:
        api = Api(Kubeconfig.read(place.path.read_text()), connect=_PATIENCE, read=_PATIENCE)
        api.request("GET", "/readyz")
    except OSError:
        return "it was never brought up"
    except AtollError as error:
        return str(error).split(". ")[0]
    return None
