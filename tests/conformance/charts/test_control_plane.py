"""Karmada's own chart on a real cluster. Its pods cannot run here: objects are looked at, and its API server is run by hand."""

import base64
import itertools
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from atoll.core import x509
from atoll.core.effect import Context
from atoll.core.errors import RefusedError
from atoll.federation.chart import identity as identities
from atoll.federation.chart import rendering
from atoll.federation.chart.effects import ChartControlPlane
from atoll.federation.chart.values import Settings
from atoll.kubernetes import Kubeconfig
from harness import golden, helm

_OBJECTS = Path(__file__).parents[2] / "golden" / "planes" / "chart.txt"
_COUNTER = itertools.count(1)
_DEPLOYMENTS = {
    f"karmada-{name}"
    for name in (
        "aggregated-apiserver",
        "apiserver",
        "controller-manager",
        "kube-controller-manager",
        "scheduler",
        "webhook",
    )
}


@pytest.fixture(scope="module", autouse=True)
def _helm():
    """The program that renders."""
    helm.program()


@pytest.fixture(scope="module")
def effect():
    return ChartControlPlane()


@pytest.fixture(scope="module")
def inputs(kubeconfig):
    """What the component asks for: nothing answers at the address, and it is waited for as short as can be."""
    return {
        "name": "control-plane",
        "cluster": kubeconfig,
        "endpoint": "https://127.0.0.1:1",
        "namespace": f"plane{next(_COUNTER)}-{os.getpid()}",
        "replicas": 3,
        "storageSize": "2Gi",
        "version": "1.18.2",
        "values": {"webhook": {"resources": {"requests": {"cpu": "10m"}}}},
        "timeoutSeconds": 0,
        "drifted": [],
    }


@pytest.fixture(scope="module")
def made(effect, inputs):
    """The control plane as it was written; it ends with its cluster."""
    return effect.create("control-plane", inputs, Context())


def _of(api, inputs, kind, version="v1"):
    return {each["metadata"]["name"]: each for each in api.items(version, kind, inputs["namespace"])}


def _versions(api, inputs):
    """What changes with any write, of objects that nothing but the driver writes; of others what changes with their spec."""
    kinds = ("ConfigMap", "Secret", "Service")
    found = {(kind, name): each for kind in kinds for name, each in _of(api, inputs, kind).items()}
    # The cluster's own, which comes at a time of its own.
    found.pop(("ConfigMap", "kube-root-ca.crt"), None)
    versions = {key: each["metadata"]["resourceVersion"] for key, each in found.items()}
    for version, kind in (
        ("apps/v1", "Deployment"),
        ("apps/v1", "StatefulSet"),
        ("policy/v1", "PodDisruptionBudget"),
    ):
        for name, each in _of(api, inputs, kind, version).items():
            versions[kind, name] = each["metadata"]["generation"]
    return versions


def test_the_objects_are_those_of_the_golden_file():
    identity = identities.made(identities.subject("https://k.example.com", "planes"), None, datetime.now(UTC))
    found = rendering.manifests(Settings("1.18.2"), identity, "planes", "v1.36.3")

    golden.compare(_OBJECTS, "".join(f"{_line(each)}\n" for each in found))


def _line(manifest):
    """What an object is, in how many copies, of which images."""
    metadata, spec = manifest["metadata"], manifest.get("spec") or {}
    place = "/".join(filter(None, (metadata.get("namespace"), metadata["name"])))
    pod = spec.get("template", {}).get("spec", {})
    images = [each["image"] for each in (*pod.get("initContainers", ()), *pod.get("containers", ()))]
    copies = [f"x{spec['replicas']}"] if "replicas" in spec else []
    return " ".join([manifest["kind"], place, *copies, *images])


@pytest.mark.usefixtures("made")
def test_every_program_is_there_three_times_and_kept_by_a_budget(api, inputs):
    deployments = _of(api, inputs, "Deployment", "apps/v1")
    budgets = _of(api, inputs, "PodDisruptionBudget", "policy/v1")

    assert set(deployments) == set(budgets) == _DEPLOYMENTS
    assert {each["spec"]["replicas"] for each in deployments.values()} == {3}
    assert {each["spec"]["maxUnavailable"] for each in budgets.values()} == {1}
    for each in deployments.values():
        spec = each["spec"]["template"]["spec"]
        assert spec["affinity"]["podAntiAffinity"]
        for container in spec["containers"]:
            assert not container["image"].endswith(":latest")


@pytest.mark.usefixtures("made")
def test_etcd_has_a_volume_for_each_member(api, inputs):
    etcd = _of(api, inputs, "StatefulSet", "apps/v1")["etcd"]["spec"]
    (claim,) = etcd["volumeClaimTemplates"]

    assert etcd["replicas"] == 3
    assert claim["spec"]["resources"]["requests"]["storage"] == "2Gi"


@pytest.mark.usefixtures("made")
def test_values_of_the_inventory_reach_the_chart(api, inputs):
    webhook = _of(api, inputs, "Deployment", "apps/v1")["karmada-webhook"]
    (container,) = webhook["spec"]["template"]["spec"]["containers"]

    assert container["resources"]["requests"]["cpu"] == "10m"


def test_a_plane_that_does_not_answer_is_told_with_the_pods_that_are_missing(made):
    first, *lacking = made.problems

    assert "control plane control-plane: waiting for Karmada at https://127.0.0.1:1" in first
    assert any(line.startswith("StatefulSet etcd: found 0 ready pods; expected 3") for line in lacking)
    assert set(made.outputs) == {"access"}


def test_the_administrator_is_vouched_for_by_the_authority_in_the_cluster(api, inputs, made):
    data = _of(api, inputs, "Secret")["karmada-cert"]["data"]
    authority = base64.b64decode(data["server-ca.crt"])
    access = Kubeconfig.read(made.outputs["access"])

    assert access.authority == authority
    pair, issuer = x509.Pair(access.certificate, access.key), x509.Pair(authority, b"")
    assert x509.fits(pair, issuer, x509.Subject("atoll", ("system:masters",)))


def test_a_second_time_nothing_is_written_anew(api, effect, inputs, made):
    before = _versions(api, inputs)
    effect.update(made.id, inputs, made.outputs, Context())

    assert _versions(api, inputs) == before
    assert effect.read(made.id, inputs, made.outputs, Context()).inputs == inputs


def test_drift_is_seen_and_put_back(api, effect, inputs, made):
    service = _of(api, inputs, "Service")["etcd-client"]
    api.delete(service)
    home = {"name": "karmada-scheduler", "namespace": inputs["namespace"]}
    scaled = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": home, "spec": {"replicas": 1}}
    api.apply(scaled, manager="somebody", force=True)

    drifted = effect.read(made.id, inputs, made.outputs, Context()).inputs["drifted"]
    assert [line.partition("/")[2] for line in sorted(drifted)] == [
        "karmada-scheduler: spec.replicas",
        "etcd-client: gone",
    ]
    effect.update(made.id, {**inputs, "drifted": []}, made.outputs, Context())
    assert effect.read(made.id, inputs, made.outputs, Context()).inputs == inputs


def test_another_number_of_members_is_refused(effect, inputs, made):
    with pytest.raises(RefusedError, match="replicas: found 5; expected 3"):
        effect.update(made.id, {**inputs, "replicas": 5}, made.outputs, Context())


def test_somebody_elses_namespace_is_refused(api, effect, inputs, namespace):
    with pytest.raises(RefusedError, match="somebody else's"):
        effect.create("control-plane", {**inputs, "namespace": namespace}, Context())

    assert not _of(api, {"namespace": namespace}, "Deployment", "apps/v1")


def test_nothing_of_it_stays_and_all_of_another(api, effect, inputs, made):
    own = {**inputs, "namespace": f"{inputs['namespace']}-gone"}
    outcome = effect.create("control-plane", own, Context())
    effect.delete(outcome.id, own, outcome.outputs, Context())

    home = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": own["namespace"]}}
    assert api.get(home) is None
    assert effect.read(outcome.id, own, outcome.outputs, Context()) is None
    effect.delete(outcome.id, own, outcome.outputs, Context())
    assert effect.read(made.id, inputs, made.outputs, Context()).inputs == inputs
