"""Registries, repositories and pull secrets: what their resources are given, and what stands open nowhere."""

from typing import cast

import pytest

from atoll.core.errors import ArgsError
from atoll.provider import values
from atoll.registry import (
    Encryption,
    Registry,
    RegistryArgs,
    RegistryKind,
    Repository,
    RepositoryArgs,
    TagMutability,
)
from atoll.testing import open_texts, plain, recording
from harness import environments

_KEY = "arn:aws:kms:eu-west-1:111122223333:key/k"


def _made(kind, args, **repository):
    """The resources of a registry and of a repository in it, by type."""

    def program():
        registry = Registry("main", cast("RegistryArgs", {"kind": kind, **args}))
        Repository("app", cast("RepositoryArgs", {"registry": registry, **repository}))

    found = recording.record(program, "dev")
    return {each.type.rpartition(":")[2]: each for each in found.resources.values()}, found


def test_a_registry_of_this_machine_that_says_little_gets_the_defaults():
    made, found = _made(RegistryKind.OCI, {})

    assert plain(made["LocalRegistry"].inputs) == {"name": "main", "users": ["atoll"], "forceDelete": False}
    assert plain(made["OciRepository"].inputs) == {"name": "app", "registry": "main", "forceDelete": False}
    assert [set(each) for each in found.exported.values()] == [{"address", "authority"}, {"uri"}]


def test_a_repository_of_ecr_that_says_little_is_immutable_scanned_and_encrypted():
    made, _ = _made(RegistryKind.ECR, {"region": "eu-west-1"})

    assert plain(made["EcrRegistry"].inputs) == {
        "name": "main",
        "region": "eu-west-1",
        "replication": [],
        "pullThroughCache": {},
    }
    assert plain(made["EcrRepository"].inputs) == {
        "name": "app",
        "forceDelete": False,
        "region": "eu-west-1",
        "tagMutability": "IMMUTABLE",
        "exclusions": [],
        "scanOnPush": True,
        "encryption": {"type": "AES256"},
        "tags": {},
    }


def test_all_that_is_said_reaches_the_resource():
    said = {
        "repository": "team/app",
        "force_delete": True,
        "tag_mutability": TagMutability.MUTABLE,
        "exclusions": ["v*"],
        "scan_on_push": False,
        "encryption": Encryption(type="KMS", key=_KEY),
        "lifecycle_policy": {"rules": []},
        "policy": {"Statement": []},
        "tags": {"team": "blue"},
        "protect": True,
        "retain": True,
    }
    made, _ = _made(RegistryKind.ECR, {"endpoint": "http://ecr"}, **said)

    assert plain(made["EcrRepository"].inputs) == {
        "name": "team/app",
        "forceDelete": True,
        "endpoint": "http://ecr",
        "tagMutability": "MUTABLE",
        "exclusions": ["v*"],
        "scanOnPush": False,
        "encryption": {"type": "KMS", "key": _KEY},
        "lifecyclePolicy": {"rules": []},
        "policy": {"Statement": []},
        "tags": {"team": "blue"},
    }
    assert made["EcrRepository"].request.protect
    assert made["EcrRepository"].request.retainOnDelete


@pytest.mark.parametrize(
    ("kind", "args", "repository", "found"),
    [
        (
            RegistryKind.ECR,
            {"users": ["ci"]},
            {},
            r"registry main: found users; expected none in a registry of kind ecr",
        ),
        (
            RegistryKind.OCI,
            {"region": "r", "replication": []},
            {},
            r"registry main: found region, replication; expected",
        ),
        (
            RegistryKind.OCI,
            {},
            {"tags": {}},
            r"repository app: found tags; expected none in a registry of kind oci",
        ),
    ],
)
def test_what_another_kind_alone_can_be_told_is_refused(kind, args, repository, found):
    with pytest.raises(ArgsError, match=found):
        _made(kind, args, **repository)


def test_a_pull_secret_goes_to_its_clusters_and_shows_nothing_of_the_login():
    record = environments.recorded("test")
    (pull,) = record.of_type(":PullSecret")
    (secret,) = [each for each in record.of_type(":Secret") if each.name.endswith("beacon.depot")]
    (status,) = [each for each in record.of_type(":PropagationStatus") if each.name == "depot-pull-status"]

    assert plain(pull.inputs) == {"name": "depot", "kind": "oci", "registry": "depot", "user": "nodes"}
    assert {urn.rpartition("::")[2] for urn in pull.request.dependencies} == {"depot-local"}
    assert secret.inputs["data"] == {values.SIGNATURE: values.SECRET, "value": "depot/data"}
    assert plain(secret.inputs)["type"] == "kubernetes.io/dockerconfigjson"
    assert "depot/data" not in str(open_texts(status.inputs))
    awaited = {urn.rpartition("::")[2] for urn in secret.request.dependencies}
    assert "control-plane-namespace.beacon" in awaited
