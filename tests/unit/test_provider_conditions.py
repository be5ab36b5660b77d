from typing import Any

import pytest

from atoll.core.errors import ArgsError
from atoll.provider import values
from atoll.provider.kubernetes import annotations, conditions


def _manifest(kind, version="v1", **fields):
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "x", "namespace": "n"}, **fields}


def _annotated(**found):
    return {"metadata": {"annotations": {f"pulumi.com/{name}": value for name, value in found.items()}}}


def test_the_time_limit_is_the_options_then_the_annotations_then_the_default():
    written = _annotated(timeoutSeconds="7")

    assert annotations.time_limit(written, 3, 600) == 3
    assert annotations.time_limit(written, 0, 600) == 7
    assert annotations.time_limit(_annotated(timeoutSeconds="soon"), 0, 600) == 600


def test_annotations_that_are_not_known_yet_are_none():
    unknown = {"metadata": {"annotations": values.UNKNOWN}}

    assert annotations.value(unknown, annotations.SKIP_AWAIT) == ""
    assert annotations.value({"metadata": values.UNKNOWN}, annotations.SKIP_AWAIT) == ""


@pytest.mark.parametrize(
    ("written", "policy"), [("", "Foreground"), ("Orphan", "Orphan"), ("background", "Background")]
)
def test_the_deletion_policy_is_foreground_unless_written(written, policy):
    assert annotations.propagation(_annotated(deletionPropagationPolicy=written)) == policy


def _verdict(written, live):
    rule = conditions.parse(_annotated(waitFor=written))
    assert rule is not None
    return rule(live)


LIVE: dict[str, Any] = {
    "metadata": {"generation": 2},
    "spec": {"size": 3, "on": True},
    "status": {
        "observedGeneration": 2,
        "phase": "Ready",
        "conditions": [{"type": "Ready", "status": "True"}, {"type": "Stalled", "status": "False"}],
        "parts": [{"name": "a", "done": True}],
    },
}


@pytest.mark.parametrize(
    ("written", "ready"),
    [
        ("condition=Ready", True),
        ("condition=ready=true", True),
        ("condition=Stalled", False),
        ("condition=Stalled=False", True),
        ("condition=Other", False),
        ("jsonpath={.status.phase}", True),
        ("jsonpath={ .status.phase }=Ready", True),
        ("jsonpath={.status.phase}=Failed", False),
        ("jsonpath={$.spec.size}=3", True),
        ("jsonpath={.spec.on}=true", True),
        ("jsonpath={.status.parts[?(@.name=='a')].done}=true", True),
        ("jsonpath={.status.none}", False),
        ('["condition=Ready", "jsonpath={.spec.size}=3"]', True),
        ('["condition=Ready", "jsonpath={.spec.size}=4"]', False),
    ],
)
def test_a_written_condition_is_read_from_the_live_object(written, ready):
    verdict = _verdict(written, LIVE)

    assert verdict.ready is ready
    assert bool(verdict.missing) is not ready


def test_a_status_of_an_older_generation_fulfils_nothing():
    old = {**LIVE, "status": {**LIVE["status"], "observedGeneration": 1}}

    for written in ("condition=Ready", "jsonpath={.status.phase}=Ready"):
        assert not _verdict(written, old).ready


def test_no_annotation_is_no_rule():
    assert conditions.parse(_manifest("ConfigMap")) is None


@pytest.mark.parametrize("written", ["whenever", "jsonpath=.a", "jsonpath={.a[}", "[1", "[]", "condition"])
def test_what_cannot_be_read_is_named(written):
    with pytest.raises(ArgsError, match=r"pulumi.com/waitFor: found "):
        conditions.parse(_annotated(waitFor=written))
