"""What an environment that is protected loses only when somebody names it. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from atoll.core import naming
from atoll.core.errors import RefusedError

_OURS = frozenset(
    {
        "Cluster",
        "ControlPlane",
        "EcrRepository",
        "ExistingCluster",
        "KmsKey",
        "LocalCluster",
        "LocalControlPlane",
        "LocalRegistry",
        "Member",
        "OciRepository",
        "SealedSecret",
    }
)
"""Of Atoll's own: what holds data, keys or images, what serves a cluster, and secrets that nobody could make again."""
_KUBERNETES = frozenset(
    {"CustomResourceDefinition", "Namespace", "PersistentVolume", "PersistentVolumeClaim", "StatefulSet"}
)
"""Of a cluster's: what holds data, and what takes along what is in it."""
_ENDING = frozenset({"deleted", "replaced"})


def is_stateful(urn: str) -> bool:
    """Whether a resource holds what cannot be made again by another run."""
    package, _, kind = urn.split("::")[2].rpartition("$")[2].partition(":")
    name = kind.rpartition(":")[2]
    return name in (_OURS if package == naming.PACKAGE else _KUBERNETES if package == "kubernetes" else ())


def refuse(environment: str, changes: Iterable[Mapping[str, Any]], confirmed: Iterable[str]) -> None:
    """Refuses changes (as reports have them) that end what is stateful, unless its URN, name or cluster is `confirmed`.

    Raises:
        RefusedError: so they do; every one is named.
    """
    named = frozenset(confirmed)
    ending = [
        each
        for each in changes
        if each["verb"] in _ENDING
        and is_stateful(each["urn"])
        and named.isdisjoint({each["urn"], _name(each["urn"]), each["cluster"]})
    ]
    if ending:
        told = ", ".join(f"{_kind(each['urn'])} {_name(each['urn'])} {each['verb']}" for each in ending)
        raise _refusal(environment, told, (_word(each) for each in ending))


def refuse_kept(environment: str, urns: Iterable[str]) -> NoReturn:
    """Refuses what the engine itself keeps from its end.

    Raises:
        RefusedError: always; every one is named.
    """
    found = [*dict.fromkeys(urns)]
    told = ", ".join(f"{_kind(urn)} {_name(urn)}" for urn in found)
    raise _refusal(environment, f"the end of {told}", map(_name, found))


def refuse_end(environment: str, resources: Iterable[Mapping[str, Any]]) -> None:
    """Refuses the end of an environment that has something protected: the engine would take away all else before it stops.

    Raises:
        RefusedError: a state's `resources` have it; every one is named.
    """
    found = sorted(_name(each["urn"]) for each in resources if each.get("protect"))
    if found:
        raise RefusedError(
            f"environment {environment}: found {', '.join(found)} protected; expected an environment that may go. "
            f"Whoever means it runs in its shell (atoll env {environment}): pulumi state unprotect --all"
        )


def _refusal(environment: str, told: str, names: Iterable[str]) -> RefusedError:
    words = " ".join(f"--confirm {each}" for each in dict.fromkeys(names))
    return RefusedError(
        f"environment {environment}: found {told}; expected each of them to be confirmed (the environment is "
        f"protected). If that is meant: {words}"
    )


def _word(change: Mapping[str, Any]) -> str:
    return str(change["cluster"] or _name(change["urn"]))


def released(resources: Iterable[Mapping[str, Any]], confirmed: Iterable[str]) -> list[str]:
    """The URNs of what the engine itself protects, of a state's resources, that a URN, name or cluster `confirmed` stands for."""
    named, known = frozenset(confirmed), {each["urn"]: each for each in resources}
    return [
        urn for urn, each in known.items() if each.get("protect") and not named.isdisjoint(_line(each, known))
    ]


def _line(resource: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """What somebody may call a resource: its URN, its name, and the names of what it is part of."""
    found = {resource["urn"], _name(resource["urn"])}
    while parent := known.get(resource.get("parent", "")):
        resource = parent
        if "::pulumi:pulumi:Stack::" not in resource["urn"]:
            found.add(_name(resource["urn"]))
    return found


def _name(urn: str) -> str:
    return urn.split("::", 3)[3]


def _kind(urn: str) -> str:
    return urn.split("::")[2].rpartition(":")[2]
