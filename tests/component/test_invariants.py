"""What holds for every resource of every environment."""

import json

import pytest

from atoll.core import naming
from atoll.platform import load, registries, releases, sealed_secrets
from atoll.testing import open_texts, plain
from harness import environments, sealing

_SECRET_OUTPUTS = {
    "LocalCluster": {"access"},
    "ExistingCluster": {"access"},
    "LocalControlPlane": {"access"},
    "ChartControlPlane": {"access"},
    "MemberAccess": {"token", "impersonatorToken"},
    "SealedSecret": {"data"},
    "PullSecret": {"data"},
}
_COMPONENTS = {"ControlPlane", "Cluster", "Member", "Propagation", "Key", "Registry", "Repository"}
_ALONE = {"SealedSecret", "PullSecret", "ChartPublication", "RenderedChart"}
"""Resources that belong to no component."""


_HOLDING = {
    *("ChartControlPlane", "LocalControlPlane", "LocalCluster", "ExistingCluster", "KmsKey"),
    *("LocalRegistry", "EcrRegistry", "OciRepository", "EcrRepository"),
}
"""What holds data, and goes by nobody's mistake where the environment is protected. A member's Cluster object does too."""

_CREDENTIALS = ("/access", "/token", "/impersonatorToken", "/data")
"""How what the recording engine gives for one ends."""


def _existing(values):
    """The control plane and one member are somebody else's."""
    values["controlPlane"] = {"driver": "kubeconfig", "kubeconfig": {"file": "k.yaml", "context": "karmada"}}
    reef = values["clusters"]["reef"]
    del reef["nodes"]
    reef |= {"driver": "kubeconfig", "kubeconfig": {"file": "r.yaml"}}


def _by_chart(values):
    """The control plane is one of the clusters' guest."""
    endpoint = "https://karmada.example.com:5443"
    values["controlPlane"] = {"driver": "chart", "cluster": "reef", "endpoint": endpoint}


_EDITS = {"chart": _by_chart, "existing": _existing, "sealed": sealing.add}


@pytest.fixture(params=[*environments.NAMES, *_EDITS])
def record(request, edited):
    if request.param in _EDITS:
        return edited("dev", _EDITS[request.param])
    return environments.recorded(request.param)


def _kubernetes(record):
    return [each for each in record.resources.values() if each.type.startswith("kubernetes:")]


def test_every_child_has_its_component_for_a_parent(record):
    for each in record.resources.values():
        kind, name = each.component
        assert kind in _COMPONENTS | _ALONE
        if each.custom and kind not in _ALONE:
            assert each.request.parent.endswith(f"::atoll:index:{kind}::{name}")


def test_no_resource_of_a_member_knows_another_member(record):
    members = {each.name for each in record.of_type(":index:Member")}
    for each in record.resources.values():
        kind, name = each.component
        if kind in {"Cluster", "Member"}:
            text = each.urn + json.dumps(each.inputs)
            assert not [other for other in members - {name} if other in text]


def test_every_object_has_an_explicit_provider(record):
    providers = {each.urn for each in record.of_type("pulumi:providers:kubernetes")}
    for each in _kubernetes(record):
        assert each.request.provider.rpartition("::")[0] in providers


def test_a_provider_has_a_kubeconfig_of_ours_and_a_constant_identifier(record):
    for each in record.of_type("pulumi:providers:kubernetes"):
        inputs = plain(each.inputs)
        assert inputs["kubeconfig"].endswith("/access")
        assert inputs["clusterIdentifier"] == each.component[1]
        assert [urn.rpartition("::")[2] for urn in each.request.replace_with]


def test_objects_go_with_a_plane_of_ours_and_stay_with_an_existing_one(record):
    plane = [*record.of_type(":LocalControlPlane"), *record.of_type(":ChartControlPlane")]
    for each in _kubernetes(record):
        kept = not plane or each.type.endswith(":Cluster")
        assert each.request.deletedWith == ("" if kept else plane[0].urn)


def test_what_exists_is_taken_over_on_local_planes_alone(record):
    local = bool(record.of_type(":LocalControlPlane"))
    for each in record.of_type("pulumi:providers:kubernetes"):
        assert json.loads(str(plain(each.inputs).get("upsertExistingObjects", False)).lower()) is local


def test_credentials_are_secret_where_they_come_from(record):
    for each in record.resources.values():
        wanted = _SECRET_OUTPUTS.get(each.type.rpartition(":")[2], set())
        assert set(each.request.additionalSecretOutputs) >= wanted


def test_credentials_are_secret_wherever_they_go(record):
    for each in record.resources.values():
        shown = open_texts(each.inputs)
        assert not [text for text in shown if text.endswith(_CREDENTIALS)]


def test_no_component_exports_a_credential(record):
    for outputs in record.exported.values():
        shown = open_texts(outputs)
        assert not [text for text in shown if text.endswith(_CREDENTIALS)]


def test_no_policy_names_nobody_since_that_means_everybody(record):
    for each in _kubernetes(record):
        for names in _all(each.inputs, "clusterNames"):
            assert names
            assert names == sorted(set(names))


def test_every_object_carries_the_mark(record):
    for each in _kubernetes(record):
        assert each.inputs["metadata"]["labels"][naming.MARK] == naming.PACKAGE


def test_a_gate_waits_for_all_that_its_propagation_writes(record):
    for gate in record.of_type(":PropagationStatus"):
        written = {each.urn for each in _kubernetes(record) if each.component == gate.component}
        assert written <= _awaited(record, gate)


def test_nothing_is_aliased_or_ignored(record):
    for each in record.resources.values():
        assert not any([each.request.aliases, each.request.ignoreChanges])


_PROTECTED = [name for name in environments.NAMES if load(environments.STACKS, name).protect]


def test_the_shared_environment_is_the_protected_one():
    assert _PROTECTED == ["prod"]


@pytest.mark.parametrize("name", [name for name in environments.NAMES if name not in _PROTECTED])
def test_nothing_is_protected_or_kept_unasked(name):
    for each in environments.recorded(name).resources.values():
        assert not each.request.protect
        assert not each.request.retainOnDelete


@pytest.mark.parametrize("name", [*_PROTECTED, "dev", "existing"])
def test_what_holds_data_is_protected_and_nothing_else(name, edited):
    def protect(values):
        _EDITS.get(name, dict)(values)
        values["protect"] = True

    record = environments.recorded(name) if name in _PROTECTED else edited("dev", protect)

    protected = {each.urn for each in record.resources.values() if each.request.protect}

    assert protected == {each.urn for each in record.resources.values() if _holds_data(each)}
    assert len(protected) > len(record.of_type(":index:Member")) * 2


def _holds_data(each):
    kind = each.type.rpartition(":")[2]
    made = kind == "SealedSecret" and "generated" in each.inputs
    return made or kind in _HOLDING or each.type == "kubernetes:cluster.karmada.io/v1alpha1:Cluster"


@pytest.mark.parametrize("name", environments.NAMES)
def test_every_cluster_of_the_inventory_is_there(name):
    declared, record = load(environments.STACKS, name), environments.recorded(name)

    assert {each.name for each in record.of_type(":index:Member")} == set(declared.clusters)
    sealed = {sealed_secrets.propagation(name) for name in declared.sealed_secrets}
    pulls = {
        registries.propagation(name)
        for registry in declared.registries.values()
        for name in registry.pull_secrets
    }
    found = {each.name for each in record.of_type(":index:Propagation")}
    carried = {releases.propagation(name) for name in declared.releases}
    assert found == {*declared.propagations, *sealed, *pulls, *carried}


def _awaited(record, resource):
    """Everything that must be done before a resource is."""
    found, waiting = set(), list(resource.request.dependencies)
    while waiting:
        urn = waiting.pop()
        if urn not in found:
            found.add(urn)
            waiting.extend(record.resources[urn].request.dependencies)
    return found


def _all(value, key):
    if isinstance(value, dict):
        yield from (child for name, child in value.items() if name == key)
        for child in value.values():
            yield from _all(child, key)
    elif isinstance(value, list):
        for child in value:
            yield from _all(child, key)
