"""The one place that makes an inventory into components."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import pulumi
import pulumi_kubernetes as kubernetes

from atoll.charts import ChartPublication, ChartSource, Release, ReleaseArgs
from atoll.cluster import Cluster, ClusterArgs
from atoll.cluster.component import Driver
from atoll.core import naming
from atoll.federation import (
    Bundle,
    Concealed,
    ControlPlane,
    ControlPlaneArgs,
    Member,
    MemberArgs,
    Propagation,
    PropagationArgs,
)
from atoll.federation.control_plane import ControlPlaneDriver
from atoll.platform import (
    carried_args,
    images,
    inventory,
    key_args,
    namespaces,
    outputs,
    registries,
    releases,
    releasing,
    sealed_secrets,
)
from atoll.platform.releasing import Parts
from atoll.registry import (
    Builder,
    BuilderArgs,
    Container,
    ContainerArgs,
    HelmLogins,
    HelmLoginsArgs,
    Image,
    ImageArgs,
    ImageCopy,
    ImageCopyArgs,
    PullSecret,
    PullSecretArgs,
    Registry,
    RegistryArgs,
    RegistryKind,
    Repository,
    RepositoryArgs,
    helm_logins,
    pull_secret,
)
from atoll.secrets import Key, SealedSecret, SealedSecretArgs, SopsFile
from atoll.secrets.local import seat
from atoll.secrets.sops_forms import Form

_HELM = "helm"
"""How the logins of helm and its providers are called."""


class Platform:
    """All components of one environment, each keyed by its name in the inventory."""

    def __init__(self, declared: inventory.Inventory) -> None:
        self.clusters = {
            name: Cluster(name, _cluster(settings, protect=declared.protect))
            for name, settings in declared.clusters.items()
        }
        self.control_plane = ControlPlane(
            inventory.CONTROL_PLANE, self._control_plane(declared.control_plane, protect=declared.protect)
        )
        self.members = {
            name: Member(name, self._member(name, settings, protect=declared.protect))
            for name, settings in declared.clusters.items()
        }
        self.propagations = {
            name: Propagation(name, carried_args.of_propagation(self.control_plane, settings))
            for name, settings in declared.propagations.items()
        }
        self.bundles = {
            name: Bundle(name, carried_args.of_bundle(self.control_plane, settings))
            for name, settings in declared.bundles.items()
        }
        self.keys = {name: Key(name, key_args.of(settings)) for name, settings in declared.keys.items()}
        self.sealed_secrets = {
            name: SealedSecret(name, self._sealed_secret(declared, settings), _kept(declared, settings))
            for name, settings in declared.sealed_secrets.items()
        }
        self.deliveries = {
            name: Propagation(sealed_secrets.propagation(name), self._delivery(name, settings))
            for name, settings in declared.sealed_secrets.items()
            if settings.clusters
        }
        self.registries = {
            name: Registry(name, _registry(settings, protect=declared.protect))
            for name, settings in declared.registries.items()
        }
        self.repositories = {
            (name, each): Repository(naming.child(name, each), self._repository(name, each, settings))
            for name, registry in declared.registries.items()
            for each, settings in registry.repositories.items()
        }
        self.builders = self._builders(declared)
        self.images = {name: Image(name, self._image(settings)) for name, settings in declared.images.items()}
        self.image_copies = {
            name: ImageCopy(name, self._image_copy(settings))
            for name, settings in declared.image_copies.items()
        }
        self._pull_secrets(declared)
        self._declared = declared
        self.publications = {
            name: self._publication(name, settings) for name, settings in declared.publications.items()
        }
        self._named: dict[str, Image | ImageCopy] = {**self.images, **self.image_copies}
        self.containers = self._containers(declared)
        self._parts = Parts(declared, self.registries, self.repositories, self.publications, self._named)
        carried = {name: each for name, each in declared.releases.items() if not each.hooks}
        self.carried = {
            name: Propagation(releases.propagation(name), self._rendered(name, settings))
            for name, settings in carried.items()
        }
        self._helm_providers = self._providers_of_helm(declared)
        self.releases = self._by_helm(declared)

    @property
    def outputs(self) -> dict[str, Any]:
        """What the stack exports, as `outputs.Outputs` has it: addresses and identities, and one secret, the way in."""
        exported = {
            "controlPlane": {
                "endpoint": self.control_plane.endpoint,
                "identifier": self.control_plane.identifier,
            },
            "controlPlaneAccess": self.control_plane.access,
            "clusters": {
                name: {"endpoint": cluster.endpoint, "identifier": cluster.identifier}
                for name, cluster in self.clusters.items()
            },
            "registries": {
                name: {"kind": str(registry.kind), "address": registry.address}
                for name, registry in self.registries.items()
            },
            "publications": {name: {"ref": each.reference} for name, each in self.publications.items()},
            "images": {name: {"ref": each.ref} for name, each in self._named.items()},
            "keys": {name: {"alias": key.alias, "arn": key.arn} for name, key in self.keys.items()},
        }
        return outputs.known(exported)

    def _control_plane(self, settings: inventory.ControlPlane, *, protect: bool) -> ControlPlaneArgs:
        args = ControlPlaneArgs(driver=ControlPlaneDriver(settings.driver), protect=protect)
        _point(args, settings.kubeconfig)
        if settings.cluster:
            args["cluster"] = self.clusters[settings.cluster].access
        return args | cast("ControlPlaneArgs", dict(settings.settings))

    def _member(self, name: str, settings: inventory.Cluster, *, protect: bool) -> MemberArgs:
        args = MemberArgs(
            control_plane=self.control_plane,
            access=self.clusters[name].access,
            labels=settings.labels,
            protect=protect,
        )
        if settings.region:
            args["region"] = settings.region
        if settings.zone:
            args["zone"] = settings.zone
        if settings.provider:
            args["provider"] = settings.provider
        return args

    def _sealed_secret(
        self, declared: inventory.Inventory, settings: inventory.SealedSecret
    ) -> SealedSecretArgs:
        own = declared.kms.key or seat.alias(declared.environment)
        args = SealedSecretArgs(
            project=pulumi.get_project(),
            environment=declared.environment,
            key=self.keys[settings.key].arn if settings.key else own,
        )
        if settings.key:
            args["retiring"] = self.keys[settings.key].retiring
        if settings.sops:
            path = declared.project / settings.sops.file
            args["sops"] = SopsFile(text=path.read_text(), form=Form.of(path.name))
        elif settings.generated:
            args["generated"] = settings.generated
        else:
            args["values"] = settings.values
        return args

    def _delivery(self, name: str, settings: inventory.SealedSecret) -> PropagationArgs:
        """The Secret of a sealed one. It waits for its namespace alone: what else comes with that may need it."""
        opened = self.sealed_secrets[name]
        manifest = sealed_secrets.manifest(name, settings, Concealed(opened.data, opened.revision))
        return self._carried([manifest], settings=settings)

    def _carried(
        self,
        manifests: Sequence[Mapping[str, Any]],
        before: Sequence[pulumi.Resource] = (),
        *,
        settings: inventory.SealedSecret | inventory.PullSecret | inventory.Release,
    ) -> PropagationArgs:
        namespace = namespaces.home(settings.namespace)
        found = (each.resource_of(namespace) for each in self.propagations.values())
        return PropagationArgs(
            control_plane=self.control_plane,
            resources=manifests,
            clusters=settings.clusters,
            after=[*before, *(resource for resource in found if resource)],
            timeout_seconds=int(settings.timeout.total_seconds()),
        )

    def _publication(self, name: str, settings: inventory.Publication) -> ChartPublication:
        registry = self.registries[settings.registry]
        repository = self.repositories[settings.registry, settings.repository]
        return ChartPublication(name, *releasing.publication(settings, repository, registry))

    def _rendered(self, name: str, settings: inventory.Release) -> PropagationArgs:
        """The objects of a release that goes to its clusters as all else does."""
        return self._carried(*releasing.objects(name, settings, self._parts), settings=settings)

    def _by_helm(self, declared: inventory.Inventory) -> dict[tuple[str, str], Release]:
        """The releases with hooks, each under its cluster: what is under one concerns it."""
        # Before, they lay beside the clusters, under the same names.
        before = [pulumi.Alias(parent=pulumi.ROOT_STACK_RESOURCE)]
        return {
            (name, cluster): Release(
                naming.child(name, cluster),
                self._release(name, cluster, settings),
                pulumi.ResourceOptions(parent=self.clusters[cluster], aliases=before),
            )
            for name, settings in declared.releases.items()
            if settings.hooks
            for cluster in settings.clusters
        }

    def _release(self, name: str, cluster: str, settings: inventory.Release) -> ReleaseArgs:
        """A release that helm makes in one cluster, once its namespace is there."""
        bringing = (
            each
            for each, declared in self._declared.propagations.items()
            if cluster in declared.clusters and namespaces.brings(declared, settings.namespace)
        )
        taken = releasing.taken(settings, self._parts)
        own, helm = self.clusters[cluster], self._helm_providers
        args = ReleaseArgs(
            source=cast("ChartSource", taken["source"]),
            kubernetes=helm[cluster] if "registry" in taken else own.kubernetes,
            access=own.access,
            namespace=settings.namespace,
            release_name=name,
            values=[self._parts.values(settings)],
            hooks=True,
            timeout_seconds=int(settings.timeout.total_seconds()),
            after=[self.propagations[each].gate for each in bringing],
        )
        if "registry" in taken:
            args["registry"] = taken["registry"]
        return args

    def _providers_of_helm(self, declared: inventory.Inventory) -> dict[str, kubernetes.Provider]:
        """The providers of the clusters in which helm makes releases of charts that declared registries have."""
        found = [
            (each, releasing.registry(each, declared)) for each in declared.releases.values() if each.hooks
        ]
        names = sorted({registry for _, registry in found if registry})
        if not names:
            return {}
        args = HelmLoginsArgs(registries=[self.registries[each] for each in names])
        logins = HelmLogins(_HELM, args)
        clusters = {cluster for each, registry in found if registry for cluster in each.clusters}
        return {
            cluster: self.clusters[cluster].provider_with(_HELM, helm_logins.VARIABLES, [logins.gate])
            for cluster in sorted(clusters)
        }

    def _repository(self, registry: str, name: str, settings: inventory.Repository) -> RepositoryArgs:
        args = RepositoryArgs(
            registry=self.registries[registry],
            repository=name,
            force_delete=settings.force_delete,
            protect=settings.protect,
            retain=settings.retain,
        )
        args |= cast("RepositoryArgs", settings.settings)
        if settings.key:
            args["encryption"] = {**args["encryption"], "key": self.keys[settings.key].arn}
        if settings.existing:
            args["import_id"] = settings.existing
        return args

    def _builders(self, declared: inventory.Inventory) -> dict[str, Builder]:
        """The builders by what buildx calls them, each with the registries that it pushes to."""
        wanted: dict[str, set[str]] = {}
        for image in declared.images.values():
            wanted.setdefault(image.builder, set()).add(image.registry)
        made = {}
        for existing, names in sorted(wanted.items()):
            args = BuilderArgs(registries=[self.registries[name] for name in sorted(names)])
            if existing:
                args["existing"] = existing
            made[existing] = Builder(images.builder(existing), args)
        return made

    def _image(self, settings: inventory.Image) -> ImageArgs:
        args = ImageArgs(
            builder=self.builders[settings.builder],
            context=settings.context,
            repository=self.repositories[settings.registry, settings.repository],
        )
        if settings.cache:
            args["cache"] = self.repositories[settings.registry, settings.cache]
        if settings.secrets:
            args["secrets"] = {
                id_: self.sealed_secrets[name].value(key) for id_, (name, key) in settings.secrets.items()
            }
        return args | cast("ImageArgs", settings.settings)

    def _image_copy(self, settings: inventory.ImageCopy) -> ImageCopyArgs:
        target = self.repositories[settings.registry, settings.repository]
        return ImageCopyArgs(source=settings.source, target=target, tags=settings.tags)

    def _containers(self, declared: inventory.Inventory) -> dict[str, Container]:
        """What runs beside the clusters; of an image that is built here with the login of its registry."""
        made = {}
        for name, settings in declared.containers.items():
            args = ContainerArgs(image=settings.image)
            if settings.built:
                args["image"] = self.images[settings.built].ref
                args["registry"] = self.registries[declared.images[settings.built].registry]
            made[name] = Container(name, args | cast("ContainerArgs", settings.settings))
        return made

    def _pull_secrets(self, declared: inventory.Inventory) -> None:
        """The Secrets by which clusters pull, each with the propagation that carries it."""
        for name, registry in declared.registries.items():
            for each, settings in registry.pull_secrets.items():
                args = PullSecretArgs(registry=self.registries[name])
                if settings.user:
                    args["user"] = settings.user
                made = PullSecret(each, args)
                data = Concealed(made.data, made.revision)
                manifest = registries.manifest(each, settings, pull_secret.TYPE, data)
                self.deliveries[registries.propagation(each)] = Propagation(
                    registries.propagation(each), self._carried([manifest], settings=settings)
                )


def _kept(declared: inventory.Inventory, settings: inventory.SealedSecret) -> pulumi.ResourceOptions | None:
    """Values that were made here are in the state alone, and lost with it."""
    is_kept = declared.protect and settings.generated
    return pulumi.ResourceOptions(protect=True) if is_kept else None


def _cluster(settings: inventory.Cluster, *, protect: bool) -> ClusterArgs:
    args = ClusterArgs(driver=Driver(settings.driver), protect=protect)
    if settings.nodes is not None:
        args["nodes"] = settings.nodes
    if settings.lean:
        args["lean"] = True
    if settings.region:
        args["region"] = settings.region
    if settings.zone:
        args["zone"] = settings.zone
    _point(args, settings.kubeconfig)
    return args


def _point(args: ControlPlaneArgs | ClusterArgs, kubeconfig: inventory.Kubeconfig | None) -> None:
    """Says where something that exists is found."""
    if kubeconfig:
        args["file"] = kubeconfig.file
        if kubeconfig.context:
            args["context"] = kubeconfig.context


def _registry(settings: inventory.Registry, *, protect: bool) -> RegistryArgs:
    args = RegistryArgs(kind=RegistryKind(settings.kind), protect=protect)
    return args | cast("RegistryArgs", settings.settings)
