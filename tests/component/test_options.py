"""The options of a caller are the component's own and never its children's."""

import pulumi

from atoll.cluster import Cluster, ClusterArgs
from atoll.cluster.component import Driver
from atoll.testing import recording


class _Outer(pulumi.ComponentResource):
    def __init__(self) -> None:
        super().__init__("test:index:Outer", "outer")


def _program():
    options = pulumi.ResourceOptions(
        parent=_Outer(), ignore_changes=["nodes"], retain_on_delete=True, replace_on_changes=["nodes"]
    )
    Cluster("lagoon", ClusterArgs(driver=Driver.LOCAL, nodes=2), options)


def test_a_child_stays_with_its_component_and_gets_none_of_the_callers_options():
    found = recording.record(_program, "dev")

    (cluster,) = found.of_type("atoll:index:Cluster")
    (child,) = found.of_type("atoll:index:LocalCluster")
    assert cluster.request.parent.endswith("::outer")
    assert child.request.parent == cluster.urn
    assert not any([child.request.ignoreChanges, child.request.replaceOnChanges])


def test_a_cluster_has_a_provider_only_where_a_program_asks_for_one():
    def asks():
        cluster = Cluster("lagoon", ClusterArgs(driver=Driver.LOCAL))
        assert cluster.kubernetes is cluster.kubernetes

    assert not recording.record(_program, "dev").of_type("providers:kubernetes")
    (provider,) = recording.record(asks, "dev").of_type("providers:kubernetes")
    assert provider.inputs["clusterIdentifier"] == "lagoon"
    assert provider.inputs["skipUpdateUnreachable"] == "true"
    assert [urn.rpartition("::")[2] for urn in provider.request.replace_with] == ["lagoon-local"]
