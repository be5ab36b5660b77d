"""One KMS endpoint and one engine for all tests here; each test has an alias, a project and a stack of its own."""

import contextlib
import itertools
import json
import os
import signal
import subprocess
import textwrap
from pathlib import Path

import psutil
import pytest
from moto.server import ThreadedMotoServer

from atoll import toolchain
from atoll.automation import unfinished
from atoll.core import command
from atoll.core.effect import Context
from atoll.provider import plugins
from atoll.secrets import kms
from atoll.secrets.key_effects import KmsKey
from atoll.secrets.sops_forms import Form
from conformance.kubernetes import engines
from conformance.kubernetes.programs import Program
from harness import keys
from harness.kms import Proxy, served
from harness.launches import servers_of

_COUNTER = itertools.count(1)
_REGION = "us-east-1"
_LOGIN = "atoll-tests"
_LIMIT = 60
SECRET_KEY = "not-a-secret-of-anybody"
INPUTS = {
    "alias": "",
    "description": "d",
    "enabled": True,
    "rotationDays": 90,
    "policy": {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": ["*"]}],
    },
    "grants": {"r": {"grantee": "arn:aws:iam::123456789012:role/r", "operations": ["Decrypt"]}},
    "tags": {"team": "blue"},
    "deletionDays": 7,
}
"""Those of a key with all attributes."""
_PREAMBLE = """
from atoll.secrets import Grant, Key, KeyArgs, KeySpec

ALIAS = {alias!r}

"""


class KeyProgram(Program):
    """A Pulumi project with keys in the KMS behind a proxy."""

    def write(self, body, **_unused):
        """Makes `body` the program."""
        text = _PREAMBLE.format(alias=self.namespace) + textwrap.dedent(body)
        (self.folder / "__main__.py").write_text(text)
        return self

    def killed_up(self):
        """An `up` that somebody kills while it runs."""
        argv = [self._engine.pulumi, "up", "--skip-preview", "--yes", "--stack", "t", "--non-interactive"]
        variables = {**self._engine.variables, **self.environment}
        quiet = subprocess.DEVNULL
        self.running = subprocess.Popen(
            argv, env=variables, cwd=self.folder, process_group=0, stdout=quiet, stderr=quiet
        )
        return self.running.wait(_LIMIT)

    def unlock(self):
        """Removes the lock of a dead engine."""
        for lock in (self._engine.home.parent / "state" / ".pulumi" / "locks").rglob(
            f"{self._name}/t/*.json"
        ):
            lock.unlink()

    def take_up(self):
        """Does what `atoll up` does first: what a dead engine had begun becomes resources; its lock goes."""
        self.unlock()
        exported = json.loads(self._call("stack", "export").stdout)
        exported["deployment"] = unfinished.taken_up(exported["deployment"])
        file = self.folder / "taken-up.json"
        file.write_text(json.dumps(exported))
        self._call("stack", "import", "--file", str(file))

    def kill(self):
        """kill -9 for the engine and for the server of its plugins, which would go on by itself.

        The engine goes first: of a server that is gone it would note that the creation failed.
        """
        servers = servers_of(self._engine.home / plugins.SERVERS)
        os.killpg(self.running.pid, signal.SIGKILL)
        for server in servers:
            with contextlib.suppress(psutil.NoSuchProcess):
                server.kill()

    def key(self, **args):
        """Makes one key the program: `app`, under the test's alias."""
        return self.write(f"Key('app', KeyArgs(**{{'alias': ALIAS, **{args!r}}}))")


@pytest.fixture(scope="session")
def folder():
    with engines.folder("kms-") as made:
        yield made


@pytest.fixture(scope="session")
def moto():
    with served() as port:
        yield port


@pytest.fixture(scope="session")
def engine(folder):
    made = engines.installed(folder)
    yield made
    plugins.release(made.home)


@pytest.fixture
def proxy(moto):
    made = Proxy(moto)
    yield made
    made.stop()


@pytest.fixture
def alias():
    """An alias of the test's own."""
    return f"atoll-t-{next(_COUNTER)}-{os.getpid()}"


@pytest.fixture
def program(folder, engine, alias, proxy):
    made = KeyProgram(folder / alias, engine, alias, alias, "")
    made.environment = {
        "AWS_ENDPOINT_URL_KMS": proxy.endpoint,
        "AWS_REGION": _REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    return made


@pytest.fixture
def client(moto):
    """The KMS past proxy and provider, as somebody else sees it."""
    access = kms.Access(_REGION, f"http://127.0.0.1:{moto}", "somebody", "else")
    return kms.client(access)


@pytest.fixture
def live(client, alias):
    """What is behind the test's alias now, or behind another."""

    def look(name=alias):
        return client.describe_key(KeyId=f"alias/{name}")["KeyMetadata"]

    return look


@pytest.fixture
def made_for(client):
    """All keys that carry the mark of an alias: {id: state}."""

    def look(alias):
        found = [each["KeyId"] for each in client.list_keys()["Keys"]]
        marked = [key for key in found if _marked(client, key, alias)]
        return {key: client.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] for key in marked}

    return look


def _marked(client, key, alias):
    tags = client.list_resource_tags(KeyId=key)["Tags"]
    return {"TagKey": "atoll.dev/alias", "TagValue": alias} in tags


class Driven:
    """The effect of one key without an engine, called as the provider calls it."""

    def __init__(self, inputs):
        self.effect, self.inputs, self.context = KmsKey(), inputs, Context(owner="atoll/t")
        self.id, self.outputs = "", {}

    def create(self):
        """Makes the key; returns what the provider would keep."""
        outcome = self.effect.create("app-kms", self.inputs, self.context)
        self.id, self.outputs = outcome.id, outcome.outputs
        return outcome

    def update(self, **changes):
        return self.effect.update(self.id, {**self.inputs, **changes}, self.outputs, self.context)

    def read(self):
        return self.effect.read(self.id, self.inputs, self.outputs, self.context)

    def delete(self):
        self.effect.delete(self.id, self.inputs, self.outputs, self.context)


@pytest.fixture
def key(monkeypatch, proxy, alias):
    """A key that is not made yet, on its way through the proxy."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", proxy.endpoint)
    return Driven({**INPUTS, "alias": alias})


@pytest.fixture
def made(key):
    """A key that is there."""
    assert not key.create().problems
    return key


class Sops:
    """Runs sops with one key of the KMS; `folder` is its home."""

    def __init__(self, program: Path, access: kms.Access, folder: Path) -> None:
        self.access, self._folder = access, folder
        self._program = program
        self.arn = keys.made(access).arn
        self._variables = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "AWS_ACCESS_KEY_ID": _LOGIN,
            "AWS_SECRET_ACCESS_KEY": _LOGIN,
            "AWS_REGION": keys.REGION,
            "AWS_ENDPOINT_URL_KMS": str(access.endpoint),
        }

    def encrypted(self, text: str, form: Form, **rule: object) -> str:
        """What sops makes of a file by a rule of its settings."""
        path, settings = self._folder / f"plain.{form}", self._folder / "settings.json"
        path.write_text(text)
        settings.write_text(json.dumps({"creation_rules": [{"kms": self.arn, **rule}]}))
        return self._run("--config", settings, "encrypt", *_types(form), path)

    def decrypted(self, text: str, form: Form) -> str:
        """What sops says that an encrypted file holds, as JSON."""
        path = self._folder / f"encrypted.{form}"
        path.write_text(text)
        return self._run("decrypt", "--input-type", form, "--output-type", Form.JSON, path)

    def _run(self, *words: str | Path) -> str:
        return command.run([self._program, *words], env=self._variables, cwd=self._folder).stdout


def _types(form: Form) -> tuple[str, ...]:
    return ("--input-type", form, "--output-type", form)


@pytest.fixture(scope="session")
def sops(tmp_path_factory):
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    access = kms.Access(keys.REGION, f"http://{host}:{port}", _LOGIN, _LOGIN)
    yield Sops(toolchain.ensure(["sops"])["sops"], access, tmp_path_factory.mktemp("sops"))
    server.stop()
