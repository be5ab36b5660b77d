"""A run that may touch a part of an environment alone, by the engine itself: what is outside stays as it is."""

import json

import pytest

from atoll.automation import sealing
from atoll.core.errors import Exit
from e2e import looking

pytestmark = pytest.mark.timeout(600)
_UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What the engine writes in the place of what is not known. Source: pulumi/pulumi, sdk/go/common/resource/plugin/rpc.go."""
_OWN = looking.resources_of("skua")


def _kept(checkout):
    """What the state has of each resource: when it was written, and its values without secrets.

    Those the engine encrypts anew in every run.
    """
    found = json.loads(sealing.kept(checkout.environment("test")).read_text())
    return {
        each["urn"]: [_open(each.get(key)) for key in ("id", "modified", "inputs", "outputs")]
        for each in found["checkpoint"]["latest"]["resources"]
        # What the stack exports is what the program says, of a part of it too.
        if each["type"] != "pulumi:pulumi:Stack"
    }


def _exported(checkout):
    """What the stack exports, as whoever refers to it reads it."""
    return checkout.report("outputs", "test")


def _open(value):
    if isinstance(value, dict):
        return {key: _open(child) for key, child in value.items() if key != "ciphertext"}
    return [_open(child) for child in value] if isinstance(value, list) else value


def _edit(inventory):
    """Something new for everybody, for one cluster, and for another one."""
    inventory["vars"] = {"image": "registry.k8s.io/pause:3.9"}
    inventory["clusters"]["heron"]["nodes"] = 2
    inventory["clusters"]["tern"]["nodes"] = 2
    inventory["clusters"]["skua"] = {"driver": "local", "groups": ["north"]}
    inventory["tags"] = {"lights": ["propagations.beacon"]}


def test_a_limited_run_touches_what_is_in_it_alone(up):
    checkout, _ = up
    whole, versions = _kept(checkout), looking.generations(checkout, "test")
    exported = _exported(checkout)

    with checkout.edited("test", _edit):
        checkout.atoll("up", "test", "--limit", "heronn", code=Exit.SETTINGS)
        preview = checkout.report("up", "test", "--check", "--limit", "heron", code=Exit.CHANGES)
        report = checkout.report("up", "test", "--limit", "heron")
        assert looking.changed(preview) == looking.changed(report) == {"LocalCluster heron-local"}
        assert set(report["clusters"]) == {"control-plane", "heron"}
        assert report["leftOut"]["clusters"] == ["control-plane", "tern", "skua"]
        assert "Propagation beacon" in report["leftOut"]["parts"]
        after = _kept(checkout)
        touched = {urn.rpartition("::")[2] for urn in whole if after[urn] != whole[urn]}
        assert "heron-local" in touched
        assert all(name.startswith("heron") for name in touched), touched
        assert looking.generations(checkout, "test") == versions
        # Of the cluster that is declared and not there nothing is known.
        assert _exported(checkout) == exported
        assert _UNKNOWN not in sealing.kept(checkout.environment("test")).read_text()

        joined = checkout.report("up", "test", "--limit", "north,!tern")
        assert looking.changed(joined) == _OWN
        assert looking.generations(checkout, "test") == versions
        assert _exported(checkout)["clusters"].keys() == {"heron", "tern", "skua"}
        assert "Left out by --limit skua: " in checkout.atoll("drift", "test", "--limit", "skua").stdout

        # The member that is new waits for its first propagation until those are asked for.
        lit = checkout.report("up", "test", "--tags", "lights")
        assert {each.split()[0] for each in looking.changed(lit)} == {
            "ClusterOverridePolicy",
            "ClusterPropagationPolicy",
            "Deployment",
            "PropagationStatus",
        }
        assert looking.image(checkout, "test", "tern") == "registry.k8s.io/pause:3.9"
        assert len(checkout.api("test", "tern").items("v1", "Node")) == 1

    # Taken out of the inventory again: with the limit it goes, and by then nothing else is as it is declared.
    before = _kept(checkout)
    would = checkout.report("destroy", "test", "--check", "--limit", "skua", code=Exit.CHANGES)
    gone = checkout.report("up", "test", "--limit", "skua")
    assert looking.changed(would) == looking.changed(gone)
    assert looking.changed(gone) == _OWN
    assert not (checkout.environment("test").clusters / "skua").exists()
    left = _kept(checkout)
    assert {urn for urn in before if left.get(urn) != before[urn]} == set(before) - set(left)
    report = checkout.report("up", "test")
    assert "LocalCluster heron-local" in looking.changed(report)
    assert checkout.report("up", "test")["changes"] == []
