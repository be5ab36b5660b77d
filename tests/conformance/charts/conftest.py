"""One real cluster (it admits pods by the restricted Pod Security Standard) and one real registry for all tests here."""

import itertools
import os

import pytest

from atoll.charts.publishing import Destination
from atoll.helm import Helm, Login
from atoll.kubernetes import Api, Kubeconfig
from conformance.kubernetes import engines
from harness import helm
from harness.registry import PASSWORD, USER, served
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


@pytest.fixture(scope="session")
def program():
    """Helm, found or built."""
    helm.program()
    with Helm() as found:
        yield found


@pytest.fixture(scope="session")
def registry(tmp_path_factory):
    """A real registry with TLS and a login; each test has a path of its own in it."""
    with served(tmp_path_factory.mktemp("registry")) as found:
        yield found


@pytest.fixture
def destination(registry):
    """A place for charts that no other test uses."""
    path = f"oci://{registry.host}/p{next(_COUNTER)}-{os.getpid()}"
    return Destination(path, login=Login(USER, PASSWORD), authority=registry.authority)
