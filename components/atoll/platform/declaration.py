"""An inventory as it is written: the keys there are, and what each may hold. Pure."""

from datetime import timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from atoll.federation.works import ConflictResolution
from atoll.platform.values import (
    Address,
    Bucket,
    ChartField,
    Conflicts,
    Drivers,
    Duration,
    Encryptions,
    Endpoint,
    Entry,
    Flag,
    GeneratedValues,
    GrantOperation,
    Keeper,
    Keepers,
    KeySpec,
    LabelKey,
    LabelValue,
    Mutabilities,
    Name,
    Nodes,
    Operations,
    PlaneDrivers,
    Platform,
    Plugins,
    Pointer,
    Policy,
    Priority,
    Published,
    RegistryKinds,
    Replicas,
    Rotation,
    SealedValues,
    SecretSources,
    Size,
    Tag,
    Text,
    Window,
)
from atoll.registry import references
from atoll.secrets import key_rules
from atoll.secrets import keys as kms_keys


class Declared(BaseModel):
    """A map of the inventory; it takes no key that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, alias_generator=to_camel)


class Kubeconfig(Declared):
    """The access to an existing cluster: `file` starts at the checkout where it is relative."""

    file: Text
    context: Text | None = None


class ControlPlane(Declared):
    """The Karmada control plane of the environment: what comes after `kubeconfig` is of the driver `chart` alone.

    `cluster` is the one that the chart is put onto, `endpoint` the address that its API server is reached by.
    """

    driver: PlaneDrivers
    kubeconfig: Kubeconfig | None = None
    cluster: Name | None = None
    endpoint: Address | None = None
    namespace: Name | None = None
    replicas: Replicas | None = None
    storage_class: Name | None = None
    storage_size: Size | None = None
    values: dict[str, Any] | None = None
    timeout: Duration | None = None


class Kms(Declared):
    """The KMS of the environment: `key` is the alias or ARN of its own key there, `endpoint` another than Amazon's."""

    driver: Keepers
    key: Text | None = None
    region: Text | None = None
    endpoint: Text | None = None


class State(Declared):
    """The bucket that the environment's state is in, `endpoint` another than Amazon's."""

    bucket: Bucket
    region: Text
    endpoint: Text | None = None


class Settings(Declared):
    """What a group can give to its clusters and a cluster can say for itself."""

    driver: Drivers | None = None
    nodes: Nodes | None = None
    lean: Flag | None = None
    region: LabelValue | None = None
    zone: LabelValue | None = None
    provider: LabelValue | None = None
    labels: dict[LabelKey, LabelValue] = Field(default_factory=dict)
    vars: dict[str, Any] = Field(default_factory=dict)


class Group(Settings):
    """Clusters that share settings; `children` are groups whose clusters belong here too."""

    clusters: list[Name] = Field(default_factory=list)
    children: list[Name] = Field(default_factory=list)
    priority: Priority = 1


class Cluster(Settings):
    """One cluster."""

    groups: list[Name] = Field(default_factory=list)
    kubeconfig: Kubeconfig | None = None


class Patch(Declared):
    """One change to a cluster's copy of an object."""

    op: Operations
    path: Pointer
    value: Any = None


class Reference(Declared):
    """Names an object of the same propagation."""

    kind: Text
    name: Text
    namespace: Text | None = None
    api_version: Text | None = None


class Override(Declared):
    """What is different about one object in some clusters."""

    resource: Reference
    groups: list[Name] = Field(default_factory=list)
    clusters: list[Name] = Field(default_factory=list)
    patches: list[Patch]


class Carried(Declared):
    """Objects and the clusters that they go to."""

    resources: list[dict[str, Any]]
    groups: list[Name] = Field(default_factory=list)
    clusters: list[Name] = Field(default_factory=list)
    overrides: list[Override] = Field(default_factory=list)
    timeout: Duration = timedelta(seconds=60)


class Propagation(Carried):
    """Objects that Karmada carries one by one; with `failover` the replicas of Deployments leave a cluster that fails."""

    failover: Flag = False


class Bundle(Carried):
    """Policies and the clusters that they go to, in one Work for each of these."""

    conflict_resolution: Conflicts = ConflictResolution.ABORT


class SealedSecret(Declared):
    """A Secret of some clusters: its sealed `values` by key, a file that sops encrypted, or lengths of `generated` ones.

    `key` is one of `keys`. One that goes to no cluster is for `images` alone.
    """

    namespace: Text | None = None
    type: Text = "Opaque"
    key: Name | None = None
    groups: list[Name] = Field(default_factory=list)
    clusters: list[Name] = Field(default_factory=list)
    values: SealedValues = Field(default_factory=dict)
    sops: Text | None = None
    generated: GeneratedValues = Field(default_factory=dict)
    timeout: Duration = timedelta(seconds=60)


class Grant(Declared):
    """What somebody may do with a key, beside its policy."""

    grantee: Text
    operations: list[GrantOperation]
    retiring: Text | None = None
    encryption_context_equals: dict[str, Entry] = Field(default_factory=dict)
    encryption_context_subset: dict[str, Entry] = Field(default_factory=dict)


class Key(Declared):
    """A key in the environment's KMS; `import` names one that exists and is taken over."""

    alias: Text | None = None
    description: Entry = ""
    enabled: Flag = True
    rotation: Rotation = None
    policy: Policy | None = None
    grants: dict[str, Grant] = Field(default_factory=dict)
    tags: dict[str, Entry] = Field(default_factory=dict)
    deletion_window: Window = timedelta(days=key_rules.DELETION_DAYS[1])
    spec: KeySpec = kms_keys.SYMMETRIC
    multi_region: Flag = False
    protect: Flag | None = None
    retain: Flag | None = None
    import_: Text | None = Field(default=None, alias="import")


class Release(Declared):
    """A chart with its values, and the clusters that it goes to; with `hooks` helm makes it in each by itself."""

    chart: dict[ChartField, Text]
    namespace: Text
    groups: list[Name] = Field(default_factory=list)
    clusters: list[Name] = Field(default_factory=list)
    values: dict[str, Any] = Field(default_factory=dict)
    hooks: Flag = False
    timeout: Duration = timedelta(minutes=5)


class PullSecret(Declared):
    """A Secret of some clusters with which their nodes pull from a registry, as a `user` of it."""

    namespace: Text
    user: Text | None = None
    groups: list[Name] = Field(default_factory=list)
    clusters: list[Name] = Field(default_factory=list)
    timeout: Duration = timedelta(seconds=60)


class Encryption(Declared):
    """What encrypts the images of a repository; `key` is one of `keys`, or an ARN."""

    type: Encryptions
    key: Text | None = None


class Repository(Declared):
    """A repository; all but `forceDelete`, `protect`, `retain` is of ECR alone. `import` names one that exists."""

    tag_mutability: Mutabilities | None = None
    exclusions: list[Text] | None = None
    scan_on_push: Flag | None = None
    encryption: Encryption | None = None
    lifecycle_policy: Policy | None = None
    policy: Policy | None = None
    tags: dict[str, Entry] | None = None
    force_delete: Flag | None = None
    protect: Flag | None = None
    retain: Flag | None = None
    import_: Text | None = Field(default=None, alias="import")


class Destination(Declared):
    """A registry that images are copied to."""

    region: Text
    account: Text | None = None


class ReplicationRule(Declared):
    """Which images of a registry are copied to where."""

    destinations: list[Destination]
    prefixes: list[Text] = Field(default_factory=list)


class PullThroughCache(Declared):
    """An upstream registry whose images are kept as they are asked for."""

    upstream: Text
    credential: Text | None = None


class Registry(Declared):
    """A registry: `users` are of one of this machine, `region`, `endpoint` and what is shared of ECR."""

    kind: RegistryKinds
    users: list[Text] | None = None
    region: Text | None = None
    endpoint: Text | None = None
    replication: list[ReplicationRule] = Field(default_factory=list)
    pull_through_cache: dict[str, PullThroughCache] = Field(default_factory=dict)
    force_delete: Flag | None = None
    repositories: dict[str, Repository] = Field(default_factory=dict)
    pull_secrets: dict[str, PullSecret] = Field(default_factory=dict)


class Image(Declared):
    """An image that is built from a folder of the checkout, or copied from another registry, to a repository of `registries`.

    `from` names one by digest.
    `builder` is one that was made with buildx, `cache` a repository of the same registry for its layers, `secrets` are
    values of `sealedSecrets` by their ids in the Dockerfile.
    """

    context: Text | None = None
    from_: Text | None = Field(default=None, alias="from")
    registry: Name
    repository: Name
    dockerfile: Text | None = None
    target: Text | None = None
    platforms: list[Platform] = Field(default_factory=list)
    build_args: dict[str, Entry] = Field(default_factory=dict)
    labels: dict[str, Entry] = Field(default_factory=dict)
    tags: list[Tag] = Field(default_factory=lambda: [references.DEFAULT_TAG])
    secrets: SecretSources = Field(default_factory=dict)
    cache: Name | None = None
    builder: Name | None = None


class Publication(Declared):
    """A chart of the checkout in a repository of one of `registries`, whose name ends with the chart's."""

    chart: Text
    registry: Name
    repository: Name


class Container(Declared):
    """An image that runs on a Docker engine: `${images.NAME.ref}` of one that is built here, or one by its digest."""

    image: Text
    engine: Endpoint | None = None
    command: list[Entry] = Field(default_factory=list)
    env: dict[Text, Entry] = Field(default_factory=dict)
    ports: list[Published] = Field(default_factory=list)
    network: Text | None = None


class Declaration(Declared):
    """A whole inventory; `protect` says that the engine is to refuse the end of what holds data."""

    control_plane: ControlPlane
    protect: Flag = False
    kms: Kms = Kms(driver=Keeper.LOCAL)
    state: State | None = None
    vars: dict[str, Any] = Field(default_factory=dict)
    groups: dict[str, Group] = Field(default_factory=dict)
    clusters: dict[str, Cluster] = Field(default_factory=dict)
    propagations: dict[str, Propagation] = Field(default_factory=dict)
    bundles: dict[str, Bundle] = Field(default_factory=dict)
    sealed_secrets: dict[str, SealedSecret] = Field(default_factory=dict)
    keys: dict[str, Key] = Field(default_factory=dict)
    registries: dict[str, Registry] = Field(default_factory=dict)
    images: dict[str, Image] = Field(default_factory=dict)
    publications: dict[str, Publication] = Field(default_factory=dict)
    containers: dict[str, Container] = Field(default_factory=dict)
    releases: dict[str, Release] = Field(default_factory=dict)
    plugins: list[Plugins] = Field(default_factory=list)
    tags: dict[str, list[Text]] = Field(default_factory=dict)
