"""The package of components that Atoll's own provider serves to other languages."""

import json

import pytest

from atoll.core import naming
from atoll.core.errors import ArgsError
from atoll.federation import ControlPlane, ControlPlaneArgs
from atoll.federation.control_plane import ControlPlaneDriver
from atoll.provider import atoll, protocol, references, versions
from atoll.provider.engine import Engine
from atoll.testing import record

_PLANE = "urn:pulumi:main::consumer::atoll:index:ControlPlane::federation"


def test_the_schema_is_of_the_version_that_the_wheel_has():
    plugin = atoll.AtollPlugin(Engine())

    schema = json.loads(plugin.get_schema(protocol.provider.GetSchemaRequest()).schema)

    assert (schema["name"], schema["version"]) == (naming.PACKAGE, versions.ATOLL)
    assert schema["resources"]["atoll:index:Member"]["inputProperties"]["controlPlane"]["$ref"] == (
        "#/resources/atoll:index:ControlPlane"
    )
    assert all(each["isComponent"] for each in schema["resources"].values())


def test_components_get_each_other_by_reference():
    told = atoll.AtollPlugin(Engine()).configure(protocol.provider.ConfigureRequest())

    shaken = atoll.AtollPlugin(Engine()).handshake(protocol.provider.ProviderHandshakeRequest())

    assert told.acceptResources
    assert shaken.accept_resources
    assert told.acceptSecrets


def test_the_provider_of_a_plane_is_found_by_the_planes_urn():
    args = ControlPlaneArgs(driver=ControlPlaneDriver.LOCAL)
    made = record(lambda: ControlPlane("federation", args), "main", project="consumer")

    (provider,) = made.of_type("pulumi:providers:kubernetes")
    assert (
        references.child_urn(_PLANE, "pulumi:providers:kubernetes", "federation-kubernetes") == provider.urn
    )


def test_a_reference_to_what_no_component_takes_is_refused():
    with pytest.raises(
        ArgsError, match="cove: found a reference to atoll:index:Cluster; expected one to a Con"
    ):
        references._Module().construct("cove", "atoll:index:Cluster", _PLANE)
