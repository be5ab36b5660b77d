"""One real cluster for all tests here, which admit pods by the restricted Pod Security Standard."""

import itertools
import os

import pytest

from atoll.kubernetes import Api, Kubeconfig
from conformance.kubernetes import engines
from harness.waiting import until

_COUNTER = itertools.count(1)


@pytest.fixture(scope="session")
def api():
    """A real cluster's API."""
    with engines.folder("charts-") as folder, engines.cluster(folder) as (kubeconfig, _supervisor):
        yield Api(Kubeconfig.read(kubeconfig))


@pytest.fixture
def namespace(api):
    """A namespace of the test's own that lets restricted pods alone in."""
    name = f"n{next(_COUNTER)}-{os.getpid()}"
    # The one is for pods, the other for what makes pods.
    labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "default", "namespace": name},
    }
    until(lambda: api.get(account), "the namespace's account, without which no pod is let in")
    return name
