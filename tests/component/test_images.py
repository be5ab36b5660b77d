"""Images and builders: what their resources are given, what they wait for, and what stands open nowhere."""

from pathlib import Path
from typing import cast

import pytest

from atoll.core.errors import ArgsError
from atoll.platform import Platform, inventory
from atoll.registry import (
    Builder,
    BuilderArgs,
    Image,
    ImageArgs,
    Kaniko,
    Registry,
    RegistryArgs,
    RegistryKind,
    Repository,
    RepositoryArgs,
)
from atoll.secrets import sealed_secret
from atoll.testing import open_texts, plain, recording

_SECRET = "4c1d27"


def _made(more=None, **builder):
    def program():
        registry = Registry("main", RegistryArgs(kind=RegistryKind.OCI))
        app = Repository("app", RepositoryArgs(registry=registry, repository="team/app"))
        by = Builder("builder", cast("BuilderArgs", {"registries": [registry], **builder}))
        said = {"builder": by, "context": "app", "repository": app, **(more or {})}
        Image("app-image", cast("ImageArgs", said))

    found = recording.record(program, "dev")
    return {each.type: each for each in found.resources.values() if each.custom}


def test_an_image_of_which_little_is_said_is_pushed_as_latest_and_not_built_in_previews():
    made = _made()["docker-build:index:Image"]

    assert plain(made.inputs) == {
        "buildOnPreview": False,
        "builder": {"name": "builder-builder/instance"},
        "context": {"location": "app"},
        "network": "default",
        "push": True,
        "tags": ["app-oci/uri:latest"],
    }
    waited = {each.rpartition("::")[2] for each in made.request.dependencies}
    assert waited == {"builder-builder", "app-oci"}


def test_all_that_is_said_reaches_the_plugin_and_the_secret_is_one():
    made = _made(
        {
            "dockerfile": "app/Containerfile",
            "target": "run",
            "platforms": ["linux/amd64", "linux/arm64"],
            "build_args": {"A": "1"},
            "secrets": {"token": _SECRET},
            "tags": ["1", "2"],
            "labels": {"l": "v"},
        }
    )["docker-build:index:Image"]

    found = plain(made.inputs)
    assert found["dockerfile"] == {"location": "app/Containerfile"}
    assert (found["target"], found["platforms"]) == ("run", ["linux/amd64", "linux/arm64"])
    assert (found["buildArgs"], found["labels"]) == ({"A": "1"}, {"l": "v"})
    assert found["tags"] == ["app-oci/uri:1", "app-oci/uri:2"]
    assert found["secrets"] == {"token": _SECRET}
    assert _SECRET not in open_texts(made.inputs)


def test_the_plugin_is_told_where_the_environments_configuration_is_and_no_login():
    made = _made()
    provider = made["pulumi:providers:docker-build"]

    assert dict(provider.request.envVarMappings) == {
        "ATOLL_DOCKER_CONFIG": "DOCKER_CONFIG",
        "ATOLL_DOCKER_TRUST": "SSL_CERT_DIR",
    }
    assert {each.rpartition("::")[2] for each in provider.request.dependencies} == {"builder-builder"}
    assert plain(made["atoll:index:ImageBuilder"].inputs) == {
        "name": "builder",
        "registries": [{"kind": "oci", "registry": "main", "address": "main-local/address"}],
    }


def test_a_builder_of_the_users_is_named():
    made = _made(existing="far")["atoll:index:ImageBuilder"]

    assert plain(made.inputs)["existing"] == "far"


def _by_kaniko(more=None, **kaniko):
    def program():
        registry = Registry("main", RegistryArgs(kind=RegistryKind.OCI))
        app = Repository("app", RepositoryArgs(registry=registry, repository="team/app"))
        said = {
            "access": _SECRET,
            "namespace": "builds",
            "executor": "e@sha256:1",
            "registries": [registry],
            **kaniko,
        }
        args = {"builder": cast("Kaniko", said), "context": "app", "repository": app, **(more or {})}
        Image("app-image", cast("ImageArgs", args))

    found = recording.record(program, "dev")
    return next(each for each in found.resources.values() if each.type == "atoll:index:KanikoImage")


def test_what_kaniko_builds_waits_for_repository_and_registries_and_its_way_to_the_cluster_is_secret():
    made = _by_kaniko()

    assert plain(made.inputs) == {
        "name": "app-image",
        "access": _SECRET,
        "namespace": "builds",
        "executor": "e@sha256:1",
        "registries": [{"kind": "oci", "registry": "main", "address": "main-local/address"}],
        "timeoutSeconds": 1800,
        "repository": "app-oci/uri",
        "context": "app",
    }
    assert _SECRET not in open_texts(made.inputs)
    assert {each.rpartition("::")[2] for each in made.request.dependencies} == {"main-local", "app-oci"}


def test_all_that_is_said_reaches_kaniko():
    more = {
        "dockerfile": "app/Containerfile",
        "target": "run",
        "platforms": ["linux/arm64"],
        "build_args": {"A": "1"},
        "tags": ["1"],
        "labels": {"l": "v"},
    }
    found = plain(_by_kaniko(more, resources={"limits": {"memory": "1Gi"}}, timeout_seconds=60).inputs)

    assert (found["dockerfile"], found["target"], found["platform"]) == (
        "app/Containerfile",
        "run",
        "linux/arm64",
    )
    assert (found["buildArgs"], found["tags"], found["labels"]) == ({"A": "1"}, ["1"], {"l": "v"})
    assert (found["resources"], found["timeoutSeconds"]) == ({"limits": {"memory": "1Gi"}}, 60)


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ({"secrets": {"token": _SECRET}}, "image app-image: secrets: found some; expected none for Kaniko"),
        (
            {"platforms": ["linux/amd64", "linux/arm64"]},
            "image app-image: platforms: found 2; expected one for Kaniko",
        ),
    ],
)
def test_what_kaniko_cannot_is_refused(more, line):
    with pytest.raises(ArgsError, match=line):
        _by_kaniko(more)


def test_secrets_of_an_inventory_are_those_of_its_sealed_secrets_and_stand_open_nowhere(monkeypatch):
    monkeypatch.setattr(sealed_secret, "_text", lambda _name, key, data: f"{data}/{key}")
    declared = inventory.Inventory(
        "dev",
        Path("/nowhere"),
        inventory.ControlPlane("local"),
        {},
        {},
        {},
        sealed_secrets={"made": inventory.SealedSecret("", "Opaque", (), generated={"token": 32})},
        registries={"main": inventory.Registry("oci", repositories={"app": inventory.Repository()})},
        images={"app": inventory.Image("app", "main", "app", secrets={"npm": ("made", "token")})},
    )
    found = recording.record(lambda: Platform(declared), "dev")

    (image,) = found.of_type("docker-build:index:Image")
    assert plain(image.inputs)["secrets"] == {"npm": "made/data/token"}
    assert "made/data/token" not in open_texts(image.inputs)
    assert "made" in {each.rpartition("::")[2] for each in image.request.dependencies}
    # It is for images alone: nothing carries it to a cluster.
    assert {each.name for each in found.of_type(":SealedSecret")} == {"made"}
    assert list(found.of_type(":Propagation")) == []


def test_an_inventory_has_one_builder_for_each_that_its_images_name():
    def image(context, builder=""):
        return inventory.Image(context, "main", "team/app", builder=builder, settings={"tags": [context]})

    declared = inventory.Inventory(
        "dev",
        Path("/nowhere"),
        inventory.ControlPlane("local"),
        {},
        {},
        {},
        registries={
            "main": inventory.Registry("oci", repositories={"team/app": inventory.Repository()}),
            "other": inventory.Registry("oci"),
        },
        images={"one": image("a"), "two": image("b"), "three": image("c", "far")},
        image_copies={"four": inventory.ImageCopy(f"r/d@sha256:{'1' * 64}", "main", "team/app", ("d",))},
    )
    found = recording.record(lambda: Platform(declared), "dev")

    builders = {each.name: plain(each.inputs) for each in found.of_type(":ImageBuilder")}
    assert {name: each.get("existing") for name, each in builders.items()} == {
        "builder-builder": None,
        "builder-far-builder": "far",
    }
    assert {each["registry"] for each in builders["builder-builder"]["registries"]} == {"main"}
    images = {each.name: plain(each.inputs) for each in found.of_type("docker-build:index:Image")}
    assert {name: (each["context"]["location"], each["tags"]) for name, each in images.items()} == {
        "one-image": ("a", ["main-team/app-oci/uri:a"]),
        "two-image": ("b", ["main-team/app-oci/uri:b"]),
        "three-image": ("c", ["main-team/app-oci/uri:c"]),
    }
    (copied,) = found.of_type("atoll:index:CopiedImage")
    assert copied.name == "four-copied"
    assert (plain(copied.inputs)["target"], plain(copied.inputs)["tags"]) == ("main-team/app-oci/uri", ["d"])
