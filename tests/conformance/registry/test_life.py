"""Registries, repositories and a pull secret by the real engine: made, left alone, drifted, changed, refused, destroyed."""

import json
import os
import textwrap

import pytest

from atoll.registry.local import launch
from atoll.toolchain import cache
from conformance.kubernetes.programs import Program
from conformance.registry.conftest import DEFAULTS, REGION, Oci

_PREAMBLE = """
import pulumi
from atoll.registry import *

local = Registry("here", RegistryArgs(kind=RegistryKind.OCI, users={users!r}, force_delete={force!r}))
cloud = Registry("cloud", RegistryArgs(kind=RegistryKind.ECR))
pulled = PullSecret("pulled", PullSecretArgs(registry=local))
mine = Repository("mine", RepositoryArgs(registry=local, repository="team/mine", force_delete={force!r}))
theirs = Repository("theirs", RepositoryArgs(registry=cloud, scan_on_push={scan!r}))
pulumi.export("uris", [mine.uri, theirs.uri])
pulumi.export("data", pulled.data)
"""


class RegistryProgram(Program):
    """A Pulumi project with a registry of each kind."""

    def declare(self, *, users=("atoll",), scan=True, force=False):
        text = _PREAMBLE.format(users=list(users), scan=scan, force=force)
        (self.folder / "__main__.py").write_text(textwrap.dedent(text))
        return self


@pytest.fixture
def program(engine, environment, of_ecr):
    made = RegistryProgram(engine.home.parent / "life", engine, "life", "life", "")
    made.environment = {
        "ATOLL_ENVIRONMENT": str(environment.folder),
        # Where the program was built: the engine's home is another.
        "ATOLL_CACHE": str(cache.folder()),
        "AWS_ENDPOINT_URL_ECR": of_ecr.endpoint,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": os.environ["AWS_SECRET_ACCESS_KEY"],
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    return made


def test_registries_of_both_kinds_live_by_the_engine(program, environment, of_ecr):
    made = program.declare().deploy()
    assert set(made.ops.values()) == {"create"}
    here = Oci.taken_up(environment, "here")
    password = here.login().password
    told = program.outputs()
    assert [uri.partition("/")[2] for uri in told["uris"]] == ["team/mine", "theirs"]
    assert password not in program.state_text()
    (config,) = told["data"].values()
    assert program.up("--refresh").succeeded().ops == {}

    # What somebody changed is put back, in the cloud and here.
    of_ecr.client.put_image_tag_mutability(repositoryName="theirs", imageTagMutability="MUTABLE")
    here.place.hashes.write_text("")
    assert program.deploy("--refresh").ops == {
        "theirs-ecr": "update",
        "here-local": "update",
        "pulled": "update",
    }
    (described,) = of_ecr.client.describe_repositories(repositoryNames=["theirs"])["repositories"]
    assert described["imageTagMutability"] == DEFAULTS["tagMutability"]
    assert here.login().password == password

    # A change reaches what it is a change of, and nothing else.
    changed = program.declare(scan=False, users=["atoll", "ci"]).deploy()
    assert changed.ops == {"theirs-ecr": "update", "here-local": "update"}
    assert next(iter(program.outputs()["data"].values())) == config

    # What holds images stays; said otherwise, it goes and leaves nothing.
    here.push("team/mine", "1")
    of_ecr.push("theirs", "1")
    refused = program.destroy()
    assert refused.code
    assert "expected it empty. Delete its images, or say forceDelete" in refused.text
    assert json.dumps(launch.stored(here.place.storage)) != "[]"
    of_ecr.client.delete_repository(repositoryName="theirs", force=True)
    program.declare(scan=False, users=["atoll", "ci"], force=True).up("--refresh").succeeded()
    program.destroy().succeeded()
    assert not launch.exists(environment, "here")
    assert not [path for path in environment.folder.rglob("*") if "registry-here" in path.name]
