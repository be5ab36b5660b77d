"""A program of somebody else's: every kind of component once, recorded; run by the Python that the wheel is installed in.

Prints where Atoll was found, and by type the names of all that the program registered.
"""

import json
import sys

import atoll
from atoll.charts import Release, ReleaseArgs
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
from atoll.registry import (
    Builder,
    BuilderArgs,
    Image,
    ImageArgs,
    Registry,
    RegistryArgs,
    RegistryKind,
    Repository,
    RepositoryArgs,
)
from atoll.secrets import Key, KeyArgs, SealedSecret, SealedSecretArgs
from atoll.testing import record

_NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}


def _program() -> None:
    plane = ControlPlane("plane", ControlPlaneArgs(driver=ControlPlaneDriver.LOCAL))
    cluster = Cluster("atollita", ClusterArgs(driver=Driver.LOCAL))
    Member("atollita", MemberArgs(control_plane=plane, access=cluster.access))
    carried = PropagationArgs(control_plane=plane, resources=[_NAMESPACE], clusters=["atollita"])
    Propagation("shop", carried)
    key = Key("shop", KeyArgs(alias="shop"))
    SealedSecret(
        "shop", SealedSecretArgs(project="shop", environment="dev", key=key.arn, generated={"token": 32})
    )
    registry = Registry("depot", RegistryArgs(kind=RegistryKind.OCI))
    repository = Repository("shop", RepositoryArgs(registry=registry))
    builder = Builder("builder", BuilderArgs(registries=[registry]))
    Image("shop", ImageArgs(builder=builder, context="shop", repository=repository))
    released = ReleaseArgs(
        source={"path": "charts/shop"}, kubernetes=cluster.kubernetes, access=cluster.access, namespace="shop"
    )
    Release("shop", released)


def _registered() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in record(_program, "dev", project="shop").resources.values():
        found.setdefault(each.type, []).append(each.name)
    return found


json.dump({"atoll": atoll.__file__, "registered": _registered()}, sys.stdout)
