"""Copies of images: what their resource is given and waits for, and that no login is among it."""

from typing import cast

from atoll.registry import (
    ImageCopy,
    ImageCopyArgs,
    Registry,
    RegistryArgs,
    RegistryKind,
    Repository,
    RepositoryArgs,
)
from atoll.testing import plain, recording

_DIGEST = f"sha256:{'1' * 64}"


def _made(**more):
    def program():
        dev = Registry("dev", RegistryArgs(kind=RegistryKind.OCI))
        prod = Registry("prod", RegistryArgs(kind=RegistryKind.ECR, region="eu-west-1"))
        app = Repository("app", RepositoryArgs(registry=prod, repository="team/app"))
        given = {"source": f"dev-local/address/app@{_DIGEST}", "target": app, **more}
        if given.pop("registered", False):
            given["source_registry"] = dev
        ImageCopy("promoted", cast("ImageCopyArgs", given))

    found = recording.record(program, "prod")
    (component,) = found.of_type("atoll:index:ImageCopy")
    (copied,) = found.of_type("atoll:index:CopiedImage")
    return copied, found.exported[component.urn]


def test_a_copy_of_which_little_is_said_keeps_what_it_copied():
    copied, exported = _made()

    assert plain(copied.inputs) == {
        "source": f"dev-local/address/app@{_DIGEST}",
        "target": "app-ecr/uri",
        "targetRegistry": {"kind": "ecr", "registry": "prod", "region": "eu-west-1"},
        "tags": [],
        "keep": True,
    }
    assert exported == {"ref": "promoted-copied/ref", "digest": _DIGEST}
    assert {each.rpartition("::")[2] for each in copied.request.dependencies} == {"app-ecr"}


def test_all_that_is_said_reaches_the_resource_and_it_waits_for_both_registries():
    copied, _ = _made(registered=True, source_authority="PEM", tags=["1"], keep=False)

    found = plain(copied.inputs)
    assert found["sourceRegistry"] == {"kind": "oci", "registry": "dev"}
    assert (found["sourceAuthority"], found["tags"], found["keep"]) == ("PEM", ["1"], False)
    assert {each.rpartition("::")[2] for each in copied.request.dependencies} == {"app-ecr", "dev-local"}
