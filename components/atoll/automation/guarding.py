"""What an environment that is protected loses only when somebody names it. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

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
        words = " ".join(f"--confirm {each}" for each in dict.fromkeys(_word(each) for each in ending))
        raise RefusedError(
            f"environment {environment}: found {told}; expected each of them to be confirmed (the environment is "
            f"protected). If that is meant: {words}"
        )


def _word(change: Mapping[str, Any]) -> str:
    return str(change["cluster"] or _name(change["urn"]))


def _name(urn: str) -> str:
    return urn.split("::", 3)[3]


def _kind(urn: str) -> str:
    return urn.split("::")[2].rpartition(":")[2]
