"""What a stack of another repository reads of an environment, and what it makes of it."""

import runpy
from pathlib import Path
from typing import cast

import pulumi
import pytest

from atoll.core.errors import ArgsError
from atoll.federation import ControlPlane, ControlPlaneArgs
from atoll.federation.control_plane import ControlPlaneDriver
from atoll.platform import Outputs, Platform, Reference, load, outputs
from atoll.testing import Secret, open_texts, plain, record, recording
from harness import environments

_STACK = "organization/atoll/dev"
_EXAMPLE = Path(__file__).parents[2] / "examples" / "consumer-python" / "__main__.py"
_OUTPUTS = {
    "controlPlane": {"endpoint": "https://plane", "identifier": "u"},
    "controlPlaneAccess": Secret("the kubeconfig"),
    "clusters": {"reef": {"endpoint": "https://reef", "identifier": "r"}, "motu": {}},
}


def _plane():
    environment = Reference(pulumi.StackReference(_STACK))
    args = ControlPlaneArgs(driver=ControlPlaneDriver.KUBECONFIG, kubeconfig=environment.control_plane_access)
    return ControlPlane("federation", args)


def _refer(program=_plane):
    return record(program, "dev", project="consumer", references={_STACK: _OUTPUTS})


def test_what_an_environment_exports_is_what_its_reference_reads():
    declared, found = load(environments.STACKS, "dev"), []

    record(lambda: found.append(set(Platform(declared).outputs)), "dev")

    assert found == [Outputs.__annotations__.keys()]
    # The way into the plane; all else is an attribute of the same name in Python's writing.
    assert {
        "control_plane",
        "control_plane_access",
        "clusters",
        "registries",
        "publications",
        "images",
        "keys",
    } == {name for name in vars(Reference) if isinstance(vars(Reference)[name], property)}


def test_the_kubeconfig_of_another_stack_stands_open_nowhere():
    found = _refer()

    (made,) = found.of_type("atoll:index:ExistingCluster")
    assert plain(made.inputs)["kubeconfig"] == "the kubeconfig"
    assert not [each for each in found.resources.values() if "the kubeconfig" in open_texts(each.inputs)]


def test_a_stack_that_is_no_environment_is_told_by_what_it_lacks():
    with pytest.raises(ArgsError, match=r"organization/atoll/dev: found no output controlPlaneAccess"):
        outputs.required(_STACK, "controlPlaneAccess", None)


def test_a_stack_that_nobody_told_of_is_no_stack():
    # Asked itself: of a program that fails while it waits, the SDK leaves much that complains in other tests.
    with pytest.raises(AssertionError, match="stack organization/atoll/dev: found a reference to it"):
        recording._Monitor({})._referred(_STACK)


@pytest.mark.parametrize("given", [{}, {"file": "a.yaml", "kubeconfig": "text"}], ids=["neither", "both"])
def test_what_exists_is_named_once(given):
    args = cast("ControlPlaneArgs", {"driver": ControlPlaneDriver.KUBECONFIG, **given})
    with pytest.raises(ArgsError, match="of file and kubeconfig; expected one of them"):
        record(lambda: ControlPlane("federation", args), "dev")


def test_the_example_joins_its_own_cluster_to_the_referred_plane(monkeypatch):
    monkeypatch.setenv("PULUMI_CONFIG", f'{{"consumer:environment": "{_STACK}"}}')

    found = _refer(lambda: runpy.run_path(str(_EXAMPLE)))

    (member,) = found.of_type("karmada.io/v1alpha1:Cluster")
    (neighbours,) = found.of_type(":ConfigMap")
    assert member.name == "atollita-cluster"
    assert plain(neighbours.inputs)["data"] == {"clusters": "motu reef"}
    assert {each.name for each in found.of_type(":LocalCluster")} == {"atollita-local"}
