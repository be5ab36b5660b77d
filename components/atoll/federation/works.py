"""The Works of a bundle: one for each member with all that goes there, and what its answers mean. Pure.

Source: karmada-io/karmada v1.18.2, pkg/apis/work/v1alpha1, pkg/controllers/execution and pkg/controllers/status.
"""

import copy
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, cast

from atoll.core import naming
from atoll.core.errors import ArgsError, quoted
from atoll.federation.delivery import REVISION, Wanted
from atoll.kubernetes import identities

Manifest = dict[str, Any]
API = "work.karmada.io/v1alpha1"
"""The group prefers v1alpha2, which has no Work."""
BUNDLE = f"{naming.PACKAGE}.dev/bundle"
"""The label of a bundle's Works on the plane and of its objects in the members."""
LEAVING = f"{naming.PACKAGE}.dev/leaving"
"""The annotation of a Work that says what is to go from the member: whoever was killed between leaves it to the next."""
_SPACE = "karmada-es-"
_FINALIZER = "karmada.io/execution-controller"
"""By it Karmada clears the member before a Work goes; whoever writes a Work has to say so."""
_CONFLICT = "work.karmada.io/conflict-resolution"
_MANAGED = ("karmada.io/managed", "true")
_RECORDS = ("resourcetemplate.karmada.io/managed-annotations", "resourcetemplate.karmada.io/managed-labels")
"""Annotations that name the annotations and labels of a manifest: by them Karmada takes away those that left it.

Its webhook writes them, which bundles do without (`federation/local/manifests.py`). Source: pkg/util/annotation.go, label.go.
"""
_KARMADA = frozenset({"karmada-controller-manager", "karmada-agent"})
_RETAINED = frozenset(
    {
        "Job",
        "PersistentVolume",
        "PersistentVolumeClaim",
        "Pod",
        "Service",
        "ServiceAccount",
        "Deployment",
        "StatefulSet",
    }
)
"""Kinds of which Karmada keeps more than it is given (pkg/resourceinterpreter/default/native/retain.go)."""


class ConflictResolution(StrEnum):
    """What happens where an object is there that Karmada did not make, in Karmada's words."""

    ABORT = "abort"
    OVERWRITE = "overwrite"


@dataclass(frozen=True)
class Bundle:
    """A bundle as its delivery was told of it; shapes as in `BundleDelivery`."""

    inputs: Mapping[str, Any]

    @property
    def name(self) -> str:
        """What it is called."""
        return str(self.inputs["name"])

    @property
    def clusters(self) -> list[str]:
        """Where it goes."""
        return list(self.inputs["clusters"])

    @property
    def selector(self) -> dict[str, str]:
        """The query that finds its Works and its objects."""
        return {"labelSelector": f"{BUNDLE}={self.name}"}

    def wanted(self, cluster: str) -> list[Wanted]:
        """What tells each object of a cluster's copy."""
        return [Wanted.of(values, cluster) for values in self.inputs["objects"]]

    def copies(self, cluster: str) -> list[Manifest]:
        """The manifests of one cluster, in the order in which Karmada writes them."""
        return list(self._copies(cluster))

    @cached_property
    def _patches(self) -> dict[tuple[int, str], list[Manifest]]:
        found: dict[tuple[int, str], list[Manifest]] = {}
        for override in self.inputs.get("overrides") or []:
            for cluster in override["clusters"]:
                found.setdefault((int(override["object"]), cluster), []).extend(override["patches"])
        return found

    def _copies(self, cluster: str) -> Iterator[Manifest]:
        # Not the annotations that name the Work: by them Karmada reflects each object's status into it, one rewrite of
        # the whole Work for each object. They collide with its own, and 340 objects took minutes in place of seconds.
        annotations = {}
        if self.inputs.get("conflictResolution") == ConflictResolution.OVERWRITE:
            annotations[_CONFLICT] = str(ConflictResolution.OVERWRITE)
        for index, manifest in enumerate(self.inputs["manifests"]):
            found = patched(manifest, self._patches.get((index, cluster), []))
            yield _marked(found, dict([_MANAGED]), annotations)

    def reference(self, cluster: str) -> Manifest:
        """What names its Work for a member."""
        metadata = {"name": f"{naming.PACKAGE}-{self.name}", "namespace": space(cluster)}
        return {"apiVersion": API, "kind": "Work", "metadata": metadata}

    def work(self, cluster: str, copies: list[Manifest], leaving: Iterable[Manifest] = ()) -> Manifest:
        """The Work of a member with these manifests; `leaving` is what has to go from it."""
        found, going = self.reference(cluster), list(leaving)
        annotations = {REVISION: digest(copies)}
        if going:
            annotations[LEAVING] = json.dumps(going, sort_keys=True)
        metadata = {
            **found["metadata"],
            "labels": {naming.MARK: naming.PACKAGE, BUNDLE: self.name},
            "annotations": annotations,
            "finalizers": [_FINALIZER],
        }
        return {**found, "metadata": metadata, "spec": {"workload": {"manifests": copies}}}


def space(cluster: str) -> str:
    """The namespace on the plane that holds a member's Works."""
    return f"{_SPACE}{cluster}"


def cluster_of(work: Manifest) -> str:
    """The member that a Work is for."""
    return str(work["metadata"]["namespace"]).removeprefix(_SPACE)


def digest(value: Any) -> str:
    """What tells one content from another."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def patched(manifest: Mapping[str, Any], patches: list[Manifest]) -> Manifest:
    """A manifest after its patches (RFC 6902).

    Raises:
        ArgsError: they do not fit it.
    """
    if not patches:
        return dict(manifest)
    import jsonpath  # noqa: PLC0415 - it takes long to load, and most bundles have no patch

    try:
        found = jsonpath.JSONPatch(patches).apply(copy.deepcopy(dict(manifest)))
    except jsonpath.JSONPatchError as error:
        raise ArgsError(
            f"{identities.label(manifest)}: found patches that do not fit it ({quoted(error)})"
        ) from error
    return cast("Manifest", found)


def manifests(work: Manifest | None) -> list[Manifest]:
    """What a live Work carries."""
    return list((((work or {}).get("spec") or {}).get("workload") or {}).get("manifests") or [])


def leaving(work: Manifest | None, copies: Iterable[Manifest]) -> list[Manifest]:
    """What a member may have by a live Work and is no longer to have.

    Karmada takes away only what is listed as the whole Work goes.
    """
    annotations = ((work or {}).get("metadata") or {}).get("annotations") or {}
    kept = {identities.of(each) for each in copies}
    known = [*json.loads(annotations.get(LEAVING, "[]")), *map(identities.reference, manifests(work))]
    return list({identities.of(each): each for each in known if identities.of(each) not in kept}.values())


def is_written(work: Manifest | None, wanted: Manifest) -> bool:
    """Whether a live Work is as it is to be written."""
    live = ((work or {}).get("metadata") or {}).get("annotations") or {}
    want = wanted["metadata"]["annotations"]
    return all(live.get(key) == want.get(key) for key in (REVISION, LEAVING)) and (
        [identities.of(each) for each in manifests(work)]
        == [identities.of(each) for each in manifests(wanted)]
    )


def refusal(work: Manifest | None) -> str | None:
    """Why Karmada could not apply all of a Work when it tried last, in its words, or None."""
    conditions = ((work or {}).get("status") or {}).get("conditions") or []
    applied: Manifest = next((entry for entry in conditions if entry["type"] == "Applied"), {})
    return str(applied.get("message") or applied.get("reason")) if applied.get("status") == "False" else None


def is_carried_by(live: Manifest, bundle: str) -> bool:
    """Whether an object in a member is this bundle's: whoever carries it later leaves its own mark."""
    return (live["metadata"].get("labels") or {}).get(BUNDLE) == bundle


def is_foreign(live: Manifest) -> bool:
    """Whether an object in a member is none that Karmada keeps."""
    key, value = _MANAGED
    return (live["metadata"].get("labels") or {}).get(key) != value


def was_touched(live: Manifest) -> bool:
    """Whether somebody but Karmada wrote what is in an object; its status is its controller's."""
    if live["kind"] in _RETAINED:
        return False
    entries = live["metadata"].get("managedFields") or []
    return any(entry.get("manager") not in _KARMADA and not entry.get("subresource") for entry in entries)


def put_back(wanted: Manifest, live: Manifest) -> Manifest:
    """The object as Karmada would write it over what is there: what others added to its metadata stays."""
    metadata, there = _unrecorded(wanted["metadata"]), live["metadata"]
    kept = {key: there[key] for key in ("resourceVersion", "finalizers", "ownerReferences") if key in there}
    both = {key: {**(there.get(key) or {}), **(metadata.get(key) or {})} for key in ("labels", "annotations")}
    return {**wanted, "metadata": {**metadata, **kept, **both}}


def _unrecorded(metadata: Manifest) -> Manifest:
    """Without the records of Karmada's: where its webhook writes them, they name its own labels too."""
    annotations = metadata.get("annotations") or {}
    kept = {key: value for key, value in annotations.items() if key not in _RECORDS}
    return {**metadata, "annotations": kept}


def _marked(manifest: Manifest, labels: dict[str, str], annotations: dict[str, str]) -> Manifest:
    """A manifest with what Karmada knows its own objects by: it says so of what a policy carries, and of nothing else."""
    metadata = manifest["metadata"]
    marks = {**(metadata.get("labels") or {}), **labels}
    notes = {**(metadata.get("annotations") or {}), **annotations}
    recorded = (",".join(sorted({*notes, *_RECORDS})), ",".join(sorted(marks)))
    notes |= dict(zip(_RECORDS, recorded, strict=True))
    return {**manifest, "metadata": {**metadata, "labels": marks, "annotations": notes}}
