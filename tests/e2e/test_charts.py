"""The chart that Atoll ships on a member with nodes: what it makes is let in, runs, and can be removed again."""

import pytest

from e2e import looking
from harness import helm
from harness.waiting import until

pytestmark = pytest.mark.timeout(400)
_NAMESPACE = {
    "apiVersion": "v1",
    "kind": "Namespace",
    "metadata": {"name": "shop", "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
}


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


def _available(live):
    """How many pods work that are as the newest template wants them."""
    status = live.get("status", {})
    seen = status.get("observedGeneration") == live["metadata"]["generation"]
    return min(status.get("availableReplicas", 0), status.get("updatedReplicas", 0)) if seen else 0
