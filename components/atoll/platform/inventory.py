"""What an environment is made of, resolved: layers merged, groups followed, variables filled in. Pure values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from atoll.registry.local import buildkit

CONTROL_PLANE = "control-plane"
"""The name of the control plane, beside those of the clusters."""
EVERYWHERE = "all"
"""The group that every cluster is in."""

PLUGIN = "pulumi-resource-"
"""How the program of a plugin of the engine is called, before the plugin's name."""
DOCKER = f"{PLUGIN}docker"
"""The plugin that runs containers."""
LOCAL_REGISTRY, REGISTRY = "oci", "registry"
"""The kind of registry that is a process of this machine, and the program of it."""


Manifest = dict[str, Any]


@dataclass(frozen=True)
class Kubeconfig:
    """Where the access to an existing cluster is. `declared` is the line and path that say so."""

    file: str
    context: str | None = None
    declared: str = ""


@dataclass(frozen=True)
class ControlPlane:
    """The Karmada control plane: who brings it, and where it is when that is somebody else."""

    driver: str
    kubeconfig: Kubeconfig | None = None
    cluster: str = ""
    """The cluster that a chart is put onto."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What a chart is told, as `ControlPlaneArgs` has it."""


@dataclass(frozen=True)
class Kms:
    """Who keeps the environment's keys. `key` (alias or ARN), `region` and `endpoint` are those of an existing KMS."""

    driver: str = "local"
    key: str = ""
    region: str = ""
    endpoint: str | None = None


@dataclass(frozen=True)
class State:
    """The bucket that the engine keeps the state in; `endpoint` is another than Amazon's."""

    bucket: str
    region: str
    endpoint: str | None = None


@dataclass(frozen=True)
class Cluster:
    """One cluster, with what its groups give to it.

    `nodes` is that of a local cluster with nodes, `lean` says that it has none and no controllers either; `groups` are
    in the order of precedence, the last wins.
    """

    driver: str
    kubeconfig: Kubeconfig | None = None
    nodes: int | None = None
    lean: bool | None = None
    region: str | None = None
    zone: str | None = None
    provider: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    variables: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Override:
    """What is different about one object in some clusters; `resource` is its manifest on the plane."""

    resource: Manifest
    clusters: tuple[str, ...]
    patches: tuple[Manifest, ...]


@dataclass(frozen=True)
class Propagation:
    """Objects and where they go, by sorted names; what variables make different comes before what is declared.

    With `failover` the replicas of its Deployments leave a cluster that fails; a bundle has none.
    """

    resources: tuple[Manifest, ...]
    clusters: tuple[str, ...]
    overrides: tuple[Override, ...] = ()
    timeout: timedelta = timedelta(seconds=60)
    failover: bool = False


@dataclass(frozen=True)
class Bundle(Propagation):
    """Objects that go to their clusters in one Work each; `conflict_resolution` is Karmada's word."""

    conflict_resolution: str = "abort"


@dataclass(frozen=True)
class SopsFile:
    """Where a file is that sops encrypted, from the checkout. `declared` is the line and path that say so."""

    file: str
    declared: str = ""


@dataclass(frozen=True)
class SealedSecret:
    """A Secret of some clusters, by sorted names: `values` are the sealed ones by key, or `sops` is a file.

    Or `generated` are the lengths, by key, of those that are made. `key` is one of the inventory's; none is the environment's own.
    """

    namespace: str
    type: str
    clusters: tuple[str, ...]
    values: Mapping[str, str] = field(default_factory=dict)
    sops: SopsFile | None = None
    generated: Mapping[str, int] = field(default_factory=dict)
    key: str | None = None
    timeout: timedelta = timedelta(seconds=60)


@dataclass(frozen=True)
class Grant:
    """What somebody may do with a key; an empty context binds nothing."""

    grantee: str
    operations: tuple[str, ...]
    retiring: str | None = None
    encryption_context_equals: Mapping[str, str] = field(default_factory=dict)
    encryption_context_subset: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Key:
    """A key in the environment's KMS. No rotation is None; `existing` names a key that is taken over."""

    alias: str
    description: str = ""
    enabled: bool = True
    rotation: timedelta | None = None
    policy: Manifest | str | None = None
    grants: Mapping[str, Grant] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    deletion_window: timedelta = timedelta(days=30)
    spec: str = "SYMMETRIC_DEFAULT"
    multi_region: bool = False
    protect: bool = False
    retain: bool = False
    existing: str | None = None


@dataclass(frozen=True)
class PullSecret:
    """A Secret of some clusters, by sorted names, with which they pull; no `user` is the first one."""

    namespace: str
    clusters: tuple[str, ...]
    user: str | None = None
    timeout: timedelta = timedelta(seconds=60)


@dataclass(frozen=True)
class Repository:
    """A repository. `settings` are those of ECR, by the names of `RepositoryArgs`; `key` is one of the inventory's."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None
    force_delete: bool = False
    protect: bool = False
    retain: bool = False
    existing: str | None = None


@dataclass(frozen=True)
class Registry:
    """A registry. `settings` are those of its kind, by the names of `RegistryArgs`."""

    kind: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    repositories: Mapping[str, Repository] = field(default_factory=dict)
    pull_secrets: Mapping[str, PullSecret] = field(default_factory=dict)


@dataclass(frozen=True)
class Image:
    """An image. `context` starts at the checkout; `settings` are the rest, by the names of `ImageArgs`.

    No `builder` is that of this machine; `secrets` are {id: (sealed secret, key)}; `declared` is the line and path of its
    context.
    """

    context: str
    registry: str
    repository: str
    builder: str = ""
    cache: str | None = None
    secrets: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    declared: str = field(default="", compare=False)


@dataclass(frozen=True)
class ImageCopy:
    """An image that is copied: `source` names it by digest, `registry` and `repository` are where to."""

    source: str
    registry: str
    repository: str
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Container:
    """An image that runs on a Docker engine; `settings` are by the names of `ContainerArgs`.

    `image` is one by its digest, or `built` is the name of one that is built here.
    """

    image: str
    built: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Publication:
    """A chart of the checkout in a repository of a registry. `declared` is the line and path that say so."""

    chart: str
    registry: str
    repository: str
    declared: str = field(default="", compare=False)


@dataclass(frozen=True)
class Release:
    """A chart of some clusters, by sorted names: `chart` is a `ChartSource` of atoll.charts, or names a `publication`.

    With a `registry` of the inventory beside it, `oci` is the name there. Values may speak of images (`image_values`).
    `hooks` lets helm make it in each cluster by itself. `declared` is the line and path that say so.
    """

    chart: Mapping[str, str]
    namespace: str
    clusters: tuple[str, ...]
    values: Mapping[str, Any] = field(default_factory=dict)
    hooks: bool = False
    timeout: timedelta = timedelta(minutes=5)
    declared: str = ""

    def folder(self, whole: "Inventory") -> str | None:
        """Where its chart lies in the checkout; None where that is elsewhere."""
        if "publication" in self.chart:
            return whole.publications[self.chart["publication"]].chart
        return self.chart.get("path")


@dataclass(frozen=True)
class Inventory:
    """One environment. `project` is the checkout, `groups` are the names of each group's clusters, sorted.

    `plugins` are those of the engine that the program uses beside what the inventory declares; `tags` are the parts of
    each tag (`section.name`).
    `protect` says that the engine refuses to delete what holds data: the control plane, clusters, members, keys, registries
    with their repositories, and made secrets.

    No `state` is the folder of the environment on this machine.
    """

    environment: str
    project: Path
    control_plane: ControlPlane
    clusters: Mapping[str, Cluster]
    groups: Mapping[str, tuple[str, ...]]
    propagations: Mapping[str, Propagation]
    kms: Kms = field(default_factory=Kms)
    sealed_secrets: Mapping[str, SealedSecret] = field(default_factory=dict)
    keys: Mapping[str, Key] = field(default_factory=dict)
    state: State | None = None
    registries: Mapping[str, Registry] = field(default_factory=dict)
    images: Mapping[str, Image] = field(default_factory=dict)
    publications: Mapping[str, Publication] = field(default_factory=dict)
    image_copies: Mapping[str, ImageCopy] = field(default_factory=dict)
    containers: Mapping[str, Container] = field(default_factory=dict)
    releases: Mapping[str, Release] = field(default_factory=dict)
    bundles: Mapping[str, Bundle] = field(default_factory=dict)
    plugins: tuple[str, ...] = ()
    protect: bool = False
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def every_image(self) -> dict[str, "Image | ImageCopy"]:
        """The images that are built and those that are copied; no two have one name."""
        return {**self.images, **self.image_copies}

    @property
    def image_repositories(self) -> dict[str, str]:
        """The repository of each image, without its registry."""
        return {name: each.repository for name, each in self.every_image.items()}

    @property
    def programs(self) -> tuple[str, ...]:
        """The programs that it uses beside those of every environment."""
        local = any(each.kind == LOCAL_REGISTRY for each in self.registries.values())
        builds = any(not each.builder for each in self.images.values())
        wanted = {
            REGISTRY: local,
            buildkit.PROGRAM: builds,
            buildkit.PLUGIN: bool(self.images),
            "helm": bool(self.releases or self.publications or self.control_plane.cluster),
        }
        asked = {DOCKER for _ in self.containers} | {f"{PLUGIN}{name}" for name in self.plugins}
        return (*(name for name, is_used in wanted.items() if is_used), *sorted(asked))
