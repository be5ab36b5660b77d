"""Charts on members with nodes: the one that Atoll ships, and charts of a declared registry, released with its login."""

import json
import shutil

import pytest

from e2e import looking
from harness import charts, helm
from harness.waiting import until

pytestmark = pytest.mark.timeout(400)
_NAMESPACE = {
    "apiVersion": "v1",
    "kind": "Namespace",
    "metadata": {"name": "shop", "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
}
_HOOK = """
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ .Release.Name }}-hook
  annotations: {helm.sh/hook: pre-install}
spec:
  template:
    spec:
      restartPolicy: Never
      automountServiceAccountToken: false
      securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
      containers:
        - name: hook
          image: {{ .Values.image }}
          securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
"""


@pytest.fixture(scope="module")
def member(up):
    """A member's own API, with a namespace that lets restricted pods alone in."""
    api = up[0].api("test", looking.MEMBERS[0])
    api.apply(_NAMESPACE)
    yield api
    # A namespace's end takes ten seconds, so that all cases share one.
    api.delete(_NAMESPACE)
    until(lambda: api.get(_NAMESPACE) is None, "the namespace's end")


@pytest.mark.parametrize("name", ["plain", "stateful", "worker", "config", "scaled"])
def test_what_the_chart_makes_runs_on_a_member(name, member, tmp_path):
    objects = helm.documents(helm.rendered(tmp_path, name))

    for each in objects:
        member.apply(each)

    (workload,) = (each for each in objects if each["kind"] in {"Deployment", "StatefulSet"})
    (budget,) = (each for each in objects if each["kind"] == "PodDisruptionBudget")
    fewest = [each["spec"]["minReplicas"] for each in objects if each["kind"] == "HorizontalPodAutoscaler"]
    pods = fewest[0] if fewest else workload["spec"]["replicas"]
    until(lambda: _available(member.get(workload)) == pods, f"{name} is available", 120)
    until(lambda: member.get(budget)["status"].get("currentHealthy") == pods, "the budget counts the pods")


def _publishing(**releases):
    """Two charts of the checkout, published to the registry of the environment, and releases of theirs."""

    def change(values):
        repositories = values["registries"]["depot"]["repositories"]
        repositories |= {f"charts/{name}": {"forceDelete": True} for name in ("crab", "hooked")}
        values["publications"] = {
            name: {"chart": f"charts/{name}", "registry": "depot", "repository": f"charts/{name}"}
            for name in ("crab", "hooked")
        }
        values["releases"] = {name: {"namespace": "beacon", **each} for name, each in releases.items()}

    return change


def _found(checkout, member, name, kind="Deployment", version="apps/v1"):
    metadata = {"name": name, "namespace": "beacon"}
    return checkout.api("test", member).get({"apiVersion": version, "kind": kind, "metadata": metadata})


def _runs(checkout, member, name):
    live = _found(checkout, member, name)
    return live is not None and _available(live) == live["spec"]["replicas"]


def _state(checkout):
    environment = checkout.environment("test")
    return (environment.state / ".pulumi" / "stacks" / "atoll" / "test.json").read_text()


def _digests(checkout):
    resources = json.loads(_state(checkout))["checkpoint"]["latest"]["resources"]
    (stack,) = (each for each in resources if each["type"] == "pulumi:pulumi:Stack")
    refs = {name: each["ref"] for name, each in stack["outputs"]["publications"].items()}
    return {name: ref.partition("/charts/")[2] for name, ref in refs.items()}


def _logins(checkout):
    """The passwords of the registry."""
    path = checkout.environment("test").folder / "registries" / "depot" / "logins.json"
    return list(json.loads(path.read_text()).values())


@pytest.fixture
def written(up):
    """The checkout with the two charts, of which one has a hook; the inventory's own is up again in the end."""
    checkout, _ = up
    made = [charts.base(checkout.folder / "charts"), checkout.folder / "charts" / "hooked"]
    shutil.copytree(*made)
    described = made[1] / "Chart.yaml"
    described.write_text(described.read_text().replace("name: crab", "name: hooked"))
    (made[1] / "templates" / "hook.yaml").write_text(_HOOK)
    yield checkout
    for folder in made:
        shutil.rmtree(folder)
    assert checkout.report("up", "test")["exit"] == 0


def test_charts_of_a_declared_registry_are_released_by_helm_and_for_many_with_its_login(written):
    checkout = written
    published = {"chart": {"publication": "hooked"}, "clusters": ["tern"], "hooks": True}
    with checkout.edited("test", _publishing(published=published)):
        done = checkout.report("up", "test")
    assert "Release published-tern-release" in looking.changed(done)
    assert _runs(checkout, "tern", "published")
    assert _found(checkout, "tern", "published-hook", "Job", "batch/v1")["status"]["succeeded"] == 1

    named = {name: {"registry": "depot", "oci": f"charts/{ref}"} for name, ref in _digests(checkout).items()}
    releases = {
        "published": published,
        "named": {"chart": named["hooked"], "clusters": ["heron"], "hooks": True},
        "carried": {"chart": named["crab"], "groups": ["all"], "values": {"replicas": 1}},
    }
    with checkout.edited("test", _publishing(**releases)):
        changed = looking.changed(checkout.report("up", "test"))
        assert "Release named-heron-release" in changed
        assert not any("published" in each for each in changed)
        assert _runs(checkout, "heron", "named")
        assert all(_runs(checkout, each, "carried") for each in looking.MEMBERS)
        assert checkout.report("up", "test")["changes"] == []

    for password in _logins(checkout):
        assert password not in _state(checkout)


def _available(live):
    """How many pods work that are as the newest template wants them."""
    status = live.get("status", {})
    seen = status.get("observedGeneration") == live["metadata"]["generation"]
    return min(status.get("availableReplicas", 0), status.get("updatedReplicas", 0)) if seen else 0
