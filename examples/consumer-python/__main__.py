"""A team's own cluster, joined to the federation of an environment that another repository declares."""

import pulumi

from atoll.cluster import Cluster, ClusterArgs
from atoll.cluster.component import Driver
from atoll.federation import (
    ControlPlane,
    ControlPlaneArgs,
    Member,
    MemberArgs,
    Propagation,
    PropagationArgs,
)
from atoll.federation.control_plane import ControlPlaneDriver
from atoll.platform import Reference

NAME = "atollita"
"""Unique in the federation; the environment's own clusters have theirs from its inventory."""

environment = Reference(pulumi.StackReference(pulumi.Config().require("environment")))
plane = ControlPlane(
    "federation",
    ControlPlaneArgs(driver=ControlPlaneDriver.KUBECONFIG, kubeconfig=environment.control_plane_access),
)
cluster = Cluster(NAME, ClusterArgs(driver=Driver.LOCAL, nodes=1))
member = Member(NAME, MemberArgs(control_plane=plane, access=cluster.access, region="south"))
tours = Propagation(
    "tours",
    PropagationArgs(
        control_plane=plane,
        resources=[
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "tours"}},
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "neighbours", "namespace": "tours"},
                "data": {"clusters": environment.clusters.apply(lambda clusters: " ".join(sorted(clusters)))},
            },
        ],
        clusters=[NAME],
        after=[member.gate],
    ),
)

pulumi.export("endpoint", cluster.endpoint)
pulumi.export("federation", environment.control_plane.apply(lambda found: found["endpoint"]))
pulumi.export("delivered", tours.delivered)
