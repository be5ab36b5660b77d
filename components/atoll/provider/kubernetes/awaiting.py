"""Which rule makes an object ready: that of its annotations, that of its kind, or none."""

from functools import partial

from atoll.kubernetes import Api, identities
from atoll.provider.kubernetes import annotations, beside, conditions, manifests, readiness
from atoll.provider.kubernetes.manifests import Manifest

_BESIDE = {
    ("", "Service"): beside.service,
    ("networking.k8s.io", "Ingress"): beside.ingress,
    ("", "PersistentVolumeClaim"): beside.claim,
}
_WRITTEN_ONLY = frozenset(
    {
        ("", "PersistentVolume"),
        ("", "PersistentVolumeClaim"),
        ("", "ReplicationController"),
        ("", "ResourceQuota"),
        manifests.SECRET,
    }
)
"""Kinds that are awaited where they are written, and not looked at by a refresh.

Source: the awaiters of the official plugin that have no `awaitRead`.
"""


class Surroundings:
    """Looks up what stands beside an object, and remembers what was asked for: its changes are news too."""

    def __init__(self, api: Api, manifest: Manifest) -> None:
        self._api = api
        self._namespace = identities.metadata(manifest).get("namespace")
        self.asked: set[tuple[str, str, str]] = set()

    def __call__(self, version: str, kind: str, name: str) -> Manifest | None:
        """The object in place, or None."""
        self.asked.add((version, kind, name))
        metadata = {"name": name, **({"namespace": self._namespace} if self._namespace else {})}
        return self._api.get({"apiVersion": version, "kind": kind, "metadata": metadata})


def rule(manifest: Manifest, around: readiness.Around) -> readiness.Rule | None:
    """What makes an object ready that is written, or None where being written is enough.

    Raises:
        ArgsError: the manifest says it, and cannot be read.
    """
    if annotations.is_true(manifest, annotations.SKIP_AWAIT):
        return None
    return conditions.parse(manifest) or _of_kind(manifest, around)


def missing(api: Api, manifest: Manifest, live: Manifest) -> str:
    """What keeps an object from being ready, for one who looks once; empty where it is, or where nobody asks.

    Raises:
        ArgsError: the manifest says what ready is, and cannot be read.
        ApiError: what it is judged by cannot be read.
    """
    if annotations.is_true(manifest, annotations.SKIP_AWAIT):
        return ""
    found = conditions.parse(manifest)
    if found is None and identities.group_kind(manifest) not in _WRITTEN_ONLY:
        found = _of_kind(manifest, Surroundings(api, live))
    verdict = found(live) if found else readiness.READY
    return "" if verdict.holds else verdict.missing


def _of_kind(manifest: Manifest, around: readiness.Around) -> readiness.Rule | None:
    kind = identities.group_kind(manifest)
    judged = _BESIDE.get(kind)
    return partial(judged, around) if judged else readiness.of_itself(kind)
