"""One registry, one engine of Pulumi's and, where there can be, one Docker engine for all tests here."""

import itertools
import textwrap

import pytest

from atoll.provider import plugins
from atoll.registry.logins import Login
from conformance.kubernetes import engines
from conformance.kubernetes.programs import Program
from harness import docker, images, registry

PLUGIN = "pulumi-resource-docker"
_COUNTER = itertools.count(1)
_PREAMBLE = """
import pulumi
import pulumi_docker as docker
from pulumi import InvokeOptions, ResourceOptions

REGISTRY = {registry!r}
login = {{"address": REGISTRY, "username": {user!r}, "password": pulumi.Output.secret({password!r})}}
engine = docker.Provider("engine", host={host!r}, registry_auth=[login])
here = ResourceOptions(provider=engine)
there = InvokeOptions(provider=engine)
"""


class DockerProgram(Program):
    """A Pulumi project of one test against one Docker engine and one registry."""

    host = "unix:///nonexistent/docker.sock"
    password = registry.PASSWORD
    served: registry.Registry

    def write(self, body, **_):
        known = {"registry": self.served.host, "user": registry.USER, "password": self.password}
        preamble = _PREAMBLE.format(host=self.host, **known)
        (self.folder / "__main__.py").write_text(preamble + textwrap.dedent(body))
        return self


@pytest.fixture(scope="session")
def served():
    with engines.folder("docker-registry-") as folder, registry.served(folder) as made:
        yield made


@pytest.fixture(scope="session")
def pusher(served):
    return images.Pusher(Login(served.host, registry.USER, registry.PASSWORD, served.authority))


@pytest.fixture(scope="session")
def engine():
    with engines.folder("docker-engine-") as folder:
        made = engines.installed(folder)
        # Nobody has it who does not ask for it.
        assert "docker" not in {each.name for each in plugins.installed(made.home)}
        plugins.install(made.home, made.pulumi, made.variables, [PLUGIN])
        yield made
        plugins.release(made.home)


@pytest.fixture
def name():
    """A name of the test's own."""
    return f"app-{next(_COUNTER)}"


@pytest.fixture
def program(engine, served, name):
    """A project that knows no Docker engine."""
    project = name
    made = DockerProgram(engine.home.parent / project, engine, project, "", "")
    made.served = served
    trust = engine.home.parent / "trust"
    trust.mkdir(exist_ok=True)
    (trust / "registry.pem").write_text(served.authority)
    made.environment = {"SSL_CERT_DIR": str(trust)}
    return made


@pytest.fixture(scope="session")
def daemon():
    if reason := docker.lacking():
        pytest.skip(reason)
    with engines.folder("dockerd-") as folder, docker.served(folder) as address:
        client = docker.client(address)
        yield client
        client.close()


@pytest.fixture
def located(program, daemon):
    """The same project with an engine, in which nothing of it is left."""
    program.host = daemon.address
    yield program
    program.destroy()


@pytest.fixture
def image(pusher, served, name):
    """An image in the registry that runs; its name with the tag 1."""
    layer = docker.layer(name)
    pusher.push(name, "1", layer, images.runnable(layer, "/wait"))
    return f"{served.host}/{name}:1"
