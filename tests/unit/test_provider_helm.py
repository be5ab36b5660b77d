"""Helm's resources in the stand-in: assets, secret values, helm's words; decided without helm."""

import base64

import pulumi
import pytest
from google.protobuf import struct_pb2

from atoll.core.errors import ArgsError, RefusedError
from atoll.helm import Chart, Release
from atoll.provider import values
from atoll.provider.kubernetes import assets, helm_actions, helm_inputs, helm_releases
from atoll.provider.kubernetes.groups import Member

_PASSWORD = "hunter-of-tests"


def _asset(**fields):
    return {values.SIGNATURE: values.ASSET, **fields}


def _struct(value):
    struct = struct_pb2.Struct()
    struct.update(value)
    return struct


def test_an_asset_is_taken_for_its_text_be_it_secret_or_in_a_list(tmp_path):
    (tmp_path / "values.yaml").write_text("a: 1")
    secret = {values.SIGNATURE: values.SECRET, "value": _asset(text="b: 2")}
    read = values.decode(
        assets.read(_struct({"files": [_asset(path=str(tmp_path / "values.yaml")), secret], "other": 1}))
    )

    assert read.value == {"files": ["a: 1", "b: 2"], "other": 1}
    assert read.secrets == {("files", 1)}


@pytest.mark.parametrize(
    ("asset", "says"),
    [
        ({"path": "/none/at/all"}, "expected a readable file"),
        ({"uri": "https://example.test/a"}, "the stand-in downloads nothing"),
    ],
)
def test_an_asset_that_cannot_be_read_is_told(asset, says):
    with pytest.raises(ArgsError, match=says):
        assets.read(_struct({"file": _asset(**asset)}))


def test_values_given_as_such_lie_over_those_of_files():
    inputs = {"valueYamlFiles": ["a: {b: 1, c: 1}", "a: {c: 2, d: 2}"], "values": {"a": {"d": 3}}}

    assert helm_inputs.merged(inputs) == {"a": {"b": 1, "c": 2, "d": 3}}


def test_what_a_secret_value_went_into_is_secret_and_nothing_else():
    inputs = {"values": {"password": _PASSWORD, "port": 80, "short": "ab", "plain": "text"}}
    hidden = helm_inputs.texts(inputs, frozenset({("values", "password"), ("values", "short")}))
    encoded = base64.b64encode(_PASSWORD.encode()).decode()
    manifest = {
        "kind": "ConfigMap",
        "data": {
            "url": f"https://{_PASSWORD}@a",
            "encoded": encoded,
            "short": "ab",
            "word": "about",
            "port": "80",
        },
        "list": [{"a": "text"}, {"a": _PASSWORD}],
    }

    assert helm_inputs.marked(Member(manifest), hidden).secrets == {
        ("data", "url"),
        ("data", "encoded"),
        ("data", "short"),
        ("list", 1, "a"),
    }


def test_what_is_not_served_is_refused_with_what_to_do():
    with pytest.raises(RefusedError, match=r"t: b: found an input .* Do this\."):
        helm_inputs.refuse("t", {"a": 1, "b": True}, {"b": "Do this."})
    helm_inputs.refuse("t", {"b": False}, {"b": "Do this."})


def _wanted(**inputs):
    return helm_actions.Wanted("urn:of:it", {"name": "web", "namespace": "shop", **inputs}, Chart("./c"))


@pytest.mark.parametrize(
    ("inputs", "upgrade", "there", "absent"),
    [
        ({}, False, ["--wait=legacy", "--timeout=300s"], ["--install", "--force-conflicts"]),
        ({}, True, ["--install", "--force-conflicts", "--history-max=0"], ["--replace"]),
        ({"skipAwait": True, "waitForJobs": True}, False, ["--wait=hookOnly"], ["--wait-for-jobs"]),
        ({"skipAwait": True, "atomic": True}, True, ["--wait=legacy", "--rollback-on-failure"], []),
        ({"waitForJobs": True, "timeout": 7}, True, ["--wait-for-jobs", "--timeout=7s"], []),
        ({"forceUpdate": True}, True, ["--force-replace", "--server-side=false"], ["--force-conflicts"]),
        ({"maxHistory": 3, "reuseValues": True}, True, ["--history-max=3", "--reuse-values"], []),
        ({"replace": True, "description": "a b"}, False, ["--replace", "--description=a b"], []),
        ({"disableWebhooks": True, "skipCrds": True}, False, ["--no-hooks", "--skip-crds"], []),
    ],
)
def test_inputs_are_helms_words(inputs, upgrade, there, absent):
    words = _wanted(**inputs).words(upgrade=upgrade)

    assert set(there) <= set(words)
    assert not set(absent) & set(words)


def test_a_release_is_ours_by_its_label_alone():
    label = _wanted().words(upgrade=False)[-1].removeprefix("--labels=")
    labels = dict([label.split("=")])
    release = Release("web", "shop", 1, "deployed", "", "c", "1.0.0", "", {}, "", labels)

    assert _wanted().owns(release)
    assert not helm_actions.Wanted("urn:of:another", {}, Chart("./c")).owns(release)


def test_objects_are_named_by_kind_group_and_version():
    text = """
kind: Deployment
apiVersion: apps/v1
metadata: {name: b, namespace: shop}
---
# Nothing.
---
kind: Deployment
apiVersion: apps/v1
metadata: {name: a}
---
kind: Secret
apiVersion: v1
metadata: {name: c}
"""
    assert helm_releases.names(text) == {"Deployment.apps/apps/v1": ["a", "shop/b"], "Secret/v1": ["c"]}


def test_the_sdk_marks_assets_as_they_are_read_here():
    assert pulumi.runtime.rpc._special_asset_sig == values.ASSET
