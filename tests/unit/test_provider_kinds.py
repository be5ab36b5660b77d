from typing import Any

import pytest

from atoll.provider.kubernetes import kinds

NOTHING: frozenset[Any] = frozenset()


def _manifest(kind, version="v1", **fields):
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "x", "namespace": "n"}, **fields}


@pytest.mark.parametrize(
    ("version", "kind", "path", "expected"),
    [
        ("v1", "ConfigMap", ("metadata", "name"), True),
        ("v1", "ConfigMap", ("metadata", "labels", "a"), False),
        ("v1", "ConfigMap", ("data", "a"), True),
        ("v1", "ConfigMap", ("data",), True),
        ("v1", "Secret", ("stringData", "a"), True),
        ("v1", "Secret", ("type",), True),
        ("apps/v1", "Deployment", ("spec",), True),
        ("apps/v1", "Deployment", ("spec", "selector", "matchLabels", "a"), True),
        ("apps/v1", "Deployment", ("spec", "replicas"), False),
        ("batch/v1", "Job", ("spec", "template", "spec", "containers", 0, "image"), True),
        ("v1", "Pod", ("spec", "containers", 3, "image"), True),
        ("v1", "Pod", ("spec", "containers", 3, "name"), False),
        ("v1", "Service", ("spec", "clusterIP"), True),
        ("v1", "Service", ("spec", "ports", 0, "port"), False),
        ("rbac.authorization.k8s.io/v1", "RoleBinding", ("roleRef", "name"), True),
        ("rbac.authorization.k8s.io/v1", "RoleBinding", ("subjects", 0), False),
        ("example.test/v1", "Deployment", ("spec", "selector"), False),
    ],
)
def test_what_the_server_would_refuse_to_change_replaces_the_object(version, kind, path, expected):
    assert kinds.replaces(path, _manifest(kind, version), NOTHING) is expected


@pytest.mark.parametrize("kind", ["ConfigMap", "Secret"])
def test_data_changes_in_place_where_the_settings_say_so_unless_it_is_immutable(kind):
    mutable = frozenset({kind})

    assert not kinds.replaces(("data", "a"), _manifest(kind), mutable)
    assert kinds.replaces(("data", "a"), _manifest(kind, immutable=True), mutable)
    assert kinds.replaces(("type",), _manifest("Secret"), mutable)


@pytest.mark.parametrize(
    ("token", "manifest", "says"),
    [
        ("kubernetes:core/v1:ConfigMapList", {"kind": "ConfigMapList", "items": []}, "found a list"),
        ("kubernetes:helm.sh/v3:Chart", {}, "does not serve"),
        ("kubernetes:yaml:ConfigFile", {}, "does not serve"),
        ("kubernetes:kustomize/v2:Directory", {}, "does not serve"),
    ],
)
def test_what_is_not_served_is_refused_in_one_line(token, manifest, says):
    refusal = kinds.refusal(token, manifest)

    assert says in str(refusal)
    assert "\n" not in str(refusal)


@pytest.mark.parametrize(
    "token",
    ["kubernetes:core/v1:ConfigMap", "kubernetes:example.test/v1:AllowList", "kubernetes:apps/v1:Deployment"],
)
def test_ordinary_kinds_are_served(token):
    assert kinds.refusal(token, {"kind": token.rsplit(":", 1)[-1]}) is None


@pytest.mark.parametrize(
    ("token", "kind", "expected"),
    [
        ("kubernetes:core/v1:ConfigMapPatch", "ConfigMap", True),
        ("kubernetes:core/v1:ConfigMap", "ConfigMap", False),
        ("kubernetes:example.test/v1:DriftPatch", "DriftPatch", False),
        ("kubernetes:example.test/v1:DriftPatchPatch", "DriftPatch", True),
        ("kubernetes:core/v1:ConfigMapPatch", None, False),
    ],
)
def test_a_patch_is_told_by_its_type_and_the_kind_that_it_names(token, kind, expected):
    # Source: TestIsPatchURN, provider/pkg/kinds/util_test.go of pulumi/pulumi-kubernetes.
    assert kinds.is_patch(token, {"kind": kind} if kind else {}) is expected


def test_only_another_object_replaces_a_patch():
    assert kinds.moves(("metadata", "name"))
    assert kinds.moves(("metadata", "namespace"))
    assert not kinds.moves(("data", "a"))
    assert not kinds.moves(("metadata", "labels", "a"))


def test_a_type_is_taken_apart_into_version_and_kind():
    assert kinds.type_of("kubernetes:core/v1:Secret") == ("v1", "Secret")
    assert kinds.type_of("kubernetes:apps/v1:Deployment") == ("apps/v1", "Deployment")
