"""One moto, one environment and one engine for all tests here; names of registries and repositories are a test's own."""

import itertools
import json
from datetime import UTC, datetime

import psutil
import pytest
import urllib3

from atoll.core import x509
from atoll.core.effect import Context
from atoll.host import Supervisor, certificates
from atoll.provider import plugins
from atoll.registry import ecr, ecr_service
from atoll.registry.ecr_effects import EcrRegistry, EcrRepository
from atoll.registry.local import launch
from atoll.registry.local_effects import LocalRegistry, OciRepository
from conformance.kubernetes import engines
from harness import images
from harness.images import Pusher
from harness.kms import served
from harness.processes import supervised
from harness.waiting import until

REGION = "us-east-1"
OWNER = "atoll/e"
DEFAULTS = {
    "tagMutability": "IMMUTABLE",
    "exclusions": [],
    "scanOnPush": True,
    "encryption": {"type": "AES256"},
    "tags": {},
    "forceDelete": False,
}
"""What the component gives to a repository of ECR of which little is said."""
_COUNTER = itertools.count(1)


class Driven:
    """An effect without an engine, called as the provider calls it."""

    def __init__(self, effect, inputs):
        self.effect, self.inputs, self.context = effect, inputs, Context(owner=OWNER)
        self.id, self.outputs = "", {}

    def create(self):
        assert self.effect.check(self.inputs) == []
        outcome = self.effect.create("r", self.inputs, self.context)
        self.id, self.outputs = outcome.id, outcome.outputs
        return outcome

    def update(self, **changes):
        """Takes up changed inputs, as a run does that succeeds."""
        self.inputs = {**self.inputs, **changes}
        assert self.effect.check(self.inputs) == []
        outcome = self.effect.update(self.id, self.inputs, self.outputs, self.context)
        self.outputs = outcome.outputs
        return outcome

    def read(self):
        return self.effect.read(self.id, self.inputs, self.outputs, self.context)

    def refresh(self):
        """Takes up what is live, as a refresh does; returns the names of the inputs that differ."""
        seen = self.read()
        self.outputs = seen.outputs
        names = self.inputs.keys() | seen.inputs.keys()
        return {
            name for name in names if not self.effect.same(name, self.inputs.get(name), seen.inputs.get(name))
        }

    def stale(self):
        return self.effect.stale(self.inputs, self.outputs)

    def delete(self):
        self.effect.delete(self.id, self.inputs, self.outputs, self.context)


class Ecr:
    """ECR, as moto serves it."""

    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.client = ecr.client(ecr.Access(REGION, endpoint))
        self.registry = Driven(EcrRegistry(), {"name": "main", "region": REGION, "endpoint": endpoint})
        self.registry.create()
        self.reference = {"kind": "ecr", "registry": "main", "region": REGION, "endpoint": endpoint}

    def repository(self, name, **inputs):
        """A repository that is not made yet."""
        return Driven(EcrRepository(), {"name": name, "endpoint": self.endpoint, **DEFAULTS, **inputs})

    def push(self, name, tag):
        """Puts an image into a repository; returns its digest."""
        text = images.manifest(b"{}", tag.encode()).decode()
        return self.client.put_image(repositoryName=name, imageManifest=text, imageTag=tag)["image"][
            "imageId"
        ]["imageDigest"]

    def holds(self, name):
        """The digests of what a repository holds."""
        try:
            found = self.client.list_images(repositoryName=name)["imageIds"]
        except self.client.exceptions.RepositoryNotFoundException:
            return []
        return [each["imageDigest"] for each in found]

    def login(self):
        return ecr_service.service(ecr.Access(REGION, self.endpoint)).login()


class Oci:
    """A registry of this machine."""

    def __init__(self, environment, name="main"):
        self.environment, self.name = environment, name
        self.registry = self.begun(name)
        assert not self.registry.create().problems
        self.place = launch.seat(environment, name)
        self.reference = {"kind": "oci", "registry": name}

    @classmethod
    def taken_up(cls, environment, name):
        """A registry that somebody else made."""
        made = cls.__new__(cls)
        made.environment, made.name, made.place = environment, name, launch.seat(environment, name)
        return made

    @staticmethod
    def begun(name):
        """A registry that is not made yet."""
        return Driven(LocalRegistry(), {"name": name, "users": ["atoll"]})

    def repository(self, name, **inputs):
        """A repository that is not made yet."""
        return Driven(OciRepository(), {"name": name, "registry": self.name, **inputs})

    @property
    def pusher(self):
        return Pusher(self.login())

    def push(self, name, tag):
        """Pushes an image; returns its digest."""
        return self.pusher.push(name, tag, tag.encode())

    def holds(self, name):
        """The digests of what a repository holds."""
        return [digest for _, digest in launch.stored(self.place.storage, name)]

    def login(self):
        return launch.login(self.environment, self.name)

    @property
    def process(self):
        """Its process, or None."""
        found = Supervisor(self.environment).state(self.place.process)
        return psutil.Process(found.pid) if found and found.pid else None

    def age(self, age):
        """Lets it serve a certificate that was made a while ago; waits until clients see one that has ended."""
        process, pki = self.process, self.place.pki
        pair = certificates.pair(pki, certificates.AUTHORITY)
        certificates.leaf(pki, self.place.process, self.place.subject, pair, datetime.now(UTC) - age)
        Supervisor(self.environment).restart(self.place.process)
        if age > x509.LEAF_LIFE:
            until(lambda: self.process not in (None, process), "another process")
            until(self._has_ended, "an expired certificate is refused")

    def _has_ended(self):
        try:
            self.pusher.status("/v2/")
        except urllib3.exceptions.SSLError as error:
            return "expired" in str(error)
        except urllib3.exceptions.HTTPError:
            return False
        return False


@pytest.fixture
def name():
    """A name of the test's own."""
    return f"team/app-{next(_COUNTER)}"


@pytest.fixture(scope="session")
def moto():
    with served() as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def _login(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret-of-anybody")


@pytest.fixture
def of_ecr(moto, _login):
    return Ecr(moto)


@pytest.fixture(scope="module")
def machine():
    with pytest.MonkeyPatch.context() as patch, supervised(patch) as made:
        yield made


@pytest.fixture
def environment(machine, monkeypatch):
    """An environment with a supervisor, for which the test's process works."""
    monkeypatch.setenv("ATOLL_ENVIRONMENT", str(machine.folder))
    Supervisor(machine).start()
    return machine


@pytest.fixture
def of_machine(environment):
    return Oci(environment)


@pytest.fixture
def own(environment):
    """A registry of the test's own."""
    made = Oci(environment, f"own-{next(_COUNTER)}")
    yield made
    made.registry.inputs["forceDelete"] = True
    made.registry.delete()


@pytest.fixture(scope="session")
def engine():
    with engines.folder("registry-") as folder:
        made = engines.installed(folder)
        yield made
        plugins.release(made.home)


def policy(*actions):
    """A policy of a repository that lets an account do something."""
    statement = {"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": list(actions)}
    return {"Version": "2012-10-17", "Statement": [statement]}


def expiring(days):
    """A lifecycle policy."""
    selection = {
        "tagStatus": "untagged",
        "countType": "sinceImagePushed",
        "countUnit": "days",
        "countNumber": days,
    }
    return {"rules": [{"rulePriority": 1, "selection": selection, "action": {"type": "expire"}}]}


def text(value):
    """The same JSON, written otherwise."""
    return json.dumps(value, indent=3, sort_keys=True)
