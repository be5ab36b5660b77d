"""Looking into an environment as it is: kubeconfigs, and which clusters answer."""

from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from atoll.automation import recap
from atoll.automation.events import GATES
from atoll.automation.recap import Recap, Tally
from atoll.cluster.local import launch
from atoll.core import files
from atoll.core.errors import ArgsError, AtollError, UnavailableError
from atoll.federation import bundle_effects
from atoll.federation.delivery_effects import Watch
from atoll.federation.member_effects import WELL
from atoll.host import Environment
from atoll.kubernetes import Api, ApiError, Kubeconfig
from atoll.platform import CONTROL_PLANE, Inventory

_LOCAL = {"LocalCluster", "LocalControlPlane"}
_CLUSTERS = {*_LOCAL, "ChartControlPlane", "ExistingCluster"}
"""The resources that stand for one cluster."""
PLANE, _MEMBER = "control-plane", "member"
_CONNECT_SECONDS, _READ_SECONDS = 1.0, 3.0
"""Connecting is tried three times."""
Status = dict[str, Any]
"""The properties of a propagation's or a bundle's status: objects, clusters, delivered."""


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
        Access(name, PLANE if name == CONTROL_PLANE else _MEMBER, _path(environment, name, each))
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


def statuses(
    state: list[dict[str, Any]], found: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, Status]:
    """The properties of every propagation's and bundle's status, by its type and name.

    `found` are outputs by URN that are newer than the state: of a member that was silent then, it still tells.
    """
    gates = [resource for resource in state if resource["type"] in GATES]
    told = {}
    for each in gates:
        outputs, newer = each.get("outputs") or {}, (found or {}).get(each["urn"]) or {}
        delivered = {**outputs.get("delivered", {}), **newer.get("delivered", {})}
        told[f"{each['type']} {each['inputs']['name']}"] = {
            **each["inputs"],
            **outputs,
            "delivered": delivered,
        }
    return told


def is_made(environment: Environment, state: list[dict[str, Any]], name: str) -> bool:
    """Whether the cluster of a name was brought up to its end, so that it has an identity, and was not removed since.

    A run that was killed in the middle of a removal knows of a cluster of this machine that is gone.
    """
    return any(
        (each.get("outputs") or {}).get("identifier")
        and (each["type"].rpartition(":")[2] not in _LOCAL or launch.exists(environment, name))
        for each in _of_cluster(state, name)
    )


def members(state: list[dict[str, Any]]) -> dict[str, bool]:
    """The members that the state holds anything of, and whether each is a cluster of this machine."""
    found: dict[str, bool] = {}
    for resource in state:
        kind, name = resource["type"].rpartition(":")[2], (resource.get("inputs") or {}).get("name")
        if name and name != CONTROL_PLANE and kind in {*_CLUSTERS, "MemberAccess", "MemberStatus"}:
            found[name] = found.get(name, False) or kind == "LocalCluster"
    return found


def _of_cluster(state: list[dict[str, Any]], name: str) -> Iterator[dict[str, Any]]:
    for resource in state:
        kind = resource["type"].rpartition(":")[2]
        if kind in _CLUSTERS and (resource.get("inputs") or {}).get("name") == name:
            yield resource


def silent(places: list[Access]) -> dict[str, str]:
    """Why a cluster does not answer, for each that does not."""
    with ThreadPoolExecutor(max(len(places), 1)) as pool:
        reasons = dict(zip((place.name for place in places), pool.map(silence, places), strict=True))
    return {name: reason for name, reason in reasons.items() if reason}


def delivered(
    places: list[Access], known: Mapping[str, Status], dead: Collection[str] = ()
) -> dict[str, Status]:
    """The statuses with what each member has now, asked through the plane; as they are where that is silent.

    Members known to be `dead` are not asked.
    """
    plane = next(place for place in places if place.role == PLANE)
    if not known or silence(plane):
        return dict(known)
    text = plane.path.read_text()
    with ThreadPoolExecutor(len(known)) as pool:
        asked = pool.map(lambda status: _asked({**status, "access": text}, dead), known.values())
        return dict(zip(known, asked, strict=True))


def live(places: list[Access], known: Mapping[str, Status]) -> Recap:
    """The recap of what is live: what each member runs of what was propagated to it."""
    reasons = silent(places)
    found: Recap = {place.name: Tally(ok=int(place.name not in reasons)) for place in places}
    for status in delivered(places, known, reasons).values():
        for cluster, count in status["delivered"].items():
            missing = len(status["objects"]) - count
            found[cluster] = found.get(cluster, Tally()).plus(ok=count, failed=missing)
    return recap.unreachable(found, reasons)


def silence(place: Access) -> str | None:
    """Why a cluster does not answer, or None."""
    try:
        kubeconfig = Kubeconfig.read(place.path.read_text())
        answer = Api(kubeconfig, connect=_CONNECT_SECONDS, read=_READ_SECONDS).request("GET", "/readyz")
    except OSError:
        return "it was never brought up"
    except ApiError as error:
        return f"{kubeconfig.server}: found a refusal ({error}); expected to be let in"
    except AtollError as error:
        return str(error).split(". ")[0]
    if answer.get("text") != WELL:
        return f"{kubeconfig.server}: found an answer of something else; expected a Kubernetes API server"
    return None


def _asked(status: Status, dead: Collection[str]) -> Status:
    if "manifests" in status:
        found = bundle_effects.look(status, dead)
        now = {name: each.delivered for name, each in found.items() if not each.silence}
        return {**status, "delivered": {**status.get("delivered", {}), **now}}
    watch = Watch({**status, "clusters": [name for name in status["clusters"] if name not in dead]})
    return {**status, "delivered": {**status.get("delivered", {}), **watch.delivered(watch.look())}}


def _path(environment: Environment, name: str, settings: Any) -> Path:
    """Where the kubeconfig is; that of an existing cluster is reduced to its one context."""
    if settings.driver == "local":
        return environment.clusters / name / "pki" / "admin.kubeconfig"
    path = environment.kubeconfig(name)
    if settings.kubeconfig is None:
        # That of a control plane by its chart is written when it is brought up or looked at.
        return path
    source = Path(settings.kubeconfig.file).expanduser()
    source = source if source.is_absolute() else environment.project / source
    if source.exists():
        files.write(
            path, Kubeconfig.read(source.read_text(), settings.kubeconfig.context, source.parent).text()
        )
    return path
