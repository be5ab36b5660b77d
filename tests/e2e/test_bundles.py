"""A bundle in the life of an environment: brought, mended, refused by one member and taken away by `atoll up`."""

import pytest

from atoll.core.errors import Exit
from atoll.kubernetes import ApiError
from atoll.kubernetes.client import MERGE
from e2e import looking
from harness import bundles
from harness.waiting import until

pytestmark = pytest.mark.timeout(600)
MEMBERS, GUEST = ("heron", "tern"), "skua"
SPACE = "policies"
CLOSED, NOTE = bundles.closed("closed", SPACE), bundles.config("note", SPACE, text="${mode}")
BAD = bundles.config("bad", SPACE, denied="x")


def _with(*more):
    """Adds a bundle to the inventory, and a member that it goes to as well."""

    def change(inventory):
        inventory["clusters"][GUEST] = {"driver": "local"}
        inventory["vars"] = {"mode": "info"}
        inventory["groups"]["south"]["vars"] = {"mode": "debug"}
        resources = [CLOSED, NOTE, bundles.namespace(SPACE), *more]
        inventory["bundles"] = {"guard": {"groups": ["all"], "resources": resources}}

    return change


def _deny(api):
    for each in bundles.denial("guard", "denied"):
        api.apply(each)

    def holds():
        try:
            api.apply(bundles.config("probe", "default", denied="x"), dry_run=True)
        except ApiError:
            return True
        return False

    until(holds, "the policy is in force")


def test_a_bundle_is_brought_mended_refused_by_one_and_taken_away(up):
    checkout, _ = up
    before = looking.generations(checkout, "test")

    with checkout.edited("test", _with()):
        first = checkout.report("up", "test")
        assert first["exit"] == Exit.DONE
        assert "BundleDelivery guard-delivery" in looking.changed(first)
        # The member that joins in this very run has it too.
        apis = {name: checkout.api("test", name) for name in (*MEMBERS, GUEST)}
        texts = {name: api.get(NOTE)["data"]["text"] for name, api in apis.items()}
        assert texts == {"heron": "debug", "tern": "info", GUEST: "info"}
        counted = first["clusters"]["tern"]
        assert (counted["changed"], counted["failed"]) == (3, 0)
        assert checkout.report("up", "test")["changes"] == []

        apis["heron"].delete(NOTE)
        apis["tern"].request(
            "PATCH", apis["tern"].path(CLOSED), {"spec": {"ingress": [{}]}}, content_type=MERGE
        )
        told = str(checkout.report("drift", "test", code=Exit.DRIFT))
        assert f"cluster heron: ConfigMap {SPACE}/note: it is not there" in told
        assert f"cluster tern: NetworkPolicy {SPACE}/closed: somebody changed spec.ingress" in told
        _deny(apis["tern"])

    with checkout.edited("test", _with(BAD)):
        refused = checkout.report("up", "test", code=Exit.FAILED)
        # What drifted is put back by the same run, and the others have what one refuses.
        assert apis["heron"].get(NOTE)["data"]["text"] == "debug"
        assert "ingress" not in apis["tern"].get(CLOSED)["spec"]
        assert [bool(api.get(BAD)) for api in apis.values()] == [True, False, True]
        failed = {name: entry["failed"] for name, entry in refused["clusters"].items()}
        assert failed == {"control-plane": 0, "heron": 0, "tern": 1, GUEST: 0}
        text = "\n".join(each["text"] for each in refused["problems"])
        assert f"bundle guard: cluster tern: ConfigMap {SPACE}/bad: refused: " in text
        assert "denied is not allowed here" in text

    for each in reversed(bundles.denial("guard", "denied")):
        apis["tern"].delete(each)
    assert checkout.report("up", "test")["exit"] == Exit.DONE
    space = bundles.namespace(SPACE)
    until(lambda: not any(apis[name].get(space) for name in MEMBERS), "the members are cleared")
    assert looking.generations(checkout, "test") == before
