"""The one place where a Pulumi provider for a cluster is made."""

import pulumi
import pulumi_kubernetes as kubernetes


def kubernetes_provider(  # noqa: PLR0913 - each a setting of the provider
    name: str,
    cluster: str,
    access: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
    *,
    upsert: bool,
    skip_unreachable: bool | None = None,
) -> kubernetes.Provider:
    """A provider with an explicit kubeconfig, so that the ambient one is never met.

    `cluster` is the cluster's name in the inventory: a constant, since an unknown identifier in a preview
    means that every object is replaced. `upsert` takes up objects that exist under our names.

    `skip_unreachable` lets a run go on past a cluster that is dead: its objects are read from the state, and an
    update of one is put off with a warning until the next run. A create still fails, and so does a delete
    (`deleteUnreachable` would forget the object, which may be alive); what was put off shows in no exit code but
    Atoll's own. Never for a control plane: an update that was put off there has reached nobody.
    Source: https://www.pulumi.com/registry/packages/kubernetes/api-docs/provider (skipUpdateUnreachable).
    """
    return kubernetes.Provider(
        name,
        kubeconfig=access,
        cluster_identifier=cluster,
        enable_server_side_apply=True,
        upsert_existing_objects=upsert,
        skip_update_unreachable=skip_unreachable,
        enable_config_map_mutable=True,
        enable_secret_mutable=True,
        opts=opts,
    )
