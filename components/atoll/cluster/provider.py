"""The one place where a Pulumi provider for a cluster is made."""

import pulumi
import pulumi_kubernetes as kubernetes


def kubernetes_provider(
    name: str,
    cluster: str,
    access: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
    *,
    upsert: bool,
) -> kubernetes.Provider:
    """A provider with an explicit kubeconfig, so that the ambient one is never met.

    `cluster` is the cluster's name in the inventory: a constant, since an unknown identifier in a preview
    means that every object is replaced. `upsert` takes up objects that exist under our names.
    """
    return kubernetes.Provider(
        name,
        kubeconfig=access,
        cluster_identifier=cluster,
        enable_server_side_apply=True,
        upsert_existing_objects=upsert,
        enable_config_map_mutable=True,
        enable_secret_mutable=True,
        opts=opts,
    )
