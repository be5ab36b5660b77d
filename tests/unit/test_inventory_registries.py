"""The registries of an inventory, with what their environment gives to them."""

from datetime import timedelta

import pytest

from atoll.platform import load
from atoll.platform.inventory import PullSecret, Registry, Repository

_PLANE = "controlPlane: {driver: local}\nclusters: {lagoon: {driver: local}}\n"
_KEY = "arn:aws:kms:eu-west-1:111122223333:key/k"


@pytest.fixture
def loaded(tmp_path):
    def load_text(text, environment="dev"):
        folder = tmp_path / "stacks"
        folder.mkdir(exist_ok=True)
        (folder / f"{environment}.yaml").write_text(_PLANE + text)
        return load(folder, environment)

    return load_text


@pytest.mark.parametrize(("environment", "kept"), [("dev", False), ("test-3", False), ("prod", True)])
def test_what_is_pushed_is_hard_to_lose_where_it_is_meant_to_stay(loaded, environment, kept):
    found = loaded("registries: {main: {kind: oci, repositories: {team/app: {}}}}", environment)

    assert found.registries == {
        "main": Registry(
            "oci",
            {"force_delete": not kept},
            {"team/app": Repository(force_delete=not kept, protect=kept, retain=kept)},
        )
    }


def test_a_registry_has_all_that_is_said_of_it(loaded):
    text = f"""
keys: {{images: {{}}}}
registries:
  cloud:
    kind: ecr
    region: eu-west-1
    endpoint: http://127.0.0.1:1
    replication: [{{destinations: [{{region: eu-central-1, account: "111122223333"}}], prefixes: [team/]}}]
    pullThroughCache: {{quay: {{upstream: quay.io}}}}
    repositories:
      ours:
        tagMutability: mutable
        exclusions: [v*]
        scanOnPush: false
        encryption: {{type: KMS, key: images}}
        tags: {{team: blue}}
        forceDelete: false
        import: ours
      theirs: {{encryption: {{type: KMS, key: "{_KEY}"}}}}
    pullSecrets:
      cloud: {{namespace: default, groups: [all], timeout: 2m}}
"""
    found = loaded(text).registries["cloud"]

    assert found.settings == {
        "region": "eu-west-1",
        "endpoint": "http://127.0.0.1:1",
        "replication": [
            {"destinations": [{"region": "eu-central-1", "account": "111122223333"}], "prefixes": ["team/"]}
        ],
        "pull_through_cache": {"quay": {"upstream": "quay.io"}},
    }
    assert found.repositories["ours"] == Repository(
        {
            "tag_mutability": "MUTABLE",
            "exclusions": ["v*"],
            "scan_on_push": False,
            "encryption": {"type": "KMS", "key": "images"},
            "tags": {"team": "blue"},
        },
        key="images",
        existing="ours",
    )
    assert found.repositories["theirs"].key is None
    assert found.repositories["theirs"].settings == {"encryption": {"type": "KMS", "key": _KEY}}
    assert found.pull_secrets == {"cloud": PullSecret("default", ("lagoon",), timeout=timedelta(minutes=2))}


@pytest.mark.parametrize(
    ("text", "programs"),
    [
        ("", ()),
        ("registries: {cloud: {kind: ecr}}", ()),
        ("registries: {cloud: {kind: ecr}, main: {kind: oci}}", ("registry",)),
        ("plugins: [docker, docker]", ("pulumi-resource-docker",)),
    ],
)
def test_the_program_of_registries_and_the_plugin_for_docker_are_wanted_where_they_are_used(
    loaded, text, programs
):
    assert loaded(text).programs == programs
