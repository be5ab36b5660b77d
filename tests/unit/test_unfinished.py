"""What a killed engine had begun to create is taken up as a resource."""

from atoll.automation import unfinished

_LOCAL = "urn:pulumi:dev::atoll::atoll:index:Cluster$atoll:index:LocalCluster::skua-local"
_SECRET = "urn:pulumi:dev::atoll::kubernetes:core/v1:Secret::skua-token"
_PROVIDER = "urn:pulumi:dev::atoll::pulumi:providers:kubernetes::plane"


def _creating(urn, **inputs):
    kind = urn.split("::")[2].rsplit("$", 1)[-1]
    return {"type": "creating", "resource": {"urn": urn, "custom": True, "type": kind, "inputs": inputs}}


def _deployment(resources, *operations):
    return {"manifest": {}, "resources": resources, "pending_operations": list(operations)}


def test_a_creation_becomes_a_resource_with_the_id_that_its_provider_would_have_given():
    metadata = {"name": "skua", "namespace": "karmada-cluster"}
    before = _deployment([], _creating(_LOCAL, name="skua"), _creating(_SECRET, metadata=metadata))

    after = unfinished.taken_up(before)

    assert {each["urn"]: each["id"] for each in after["resources"]} == {
        _LOCAL: "skua",
        _SECRET: "karmada-cluster/skua",
    }
    assert not unfinished.is_any(after)
    assert unfinished.is_any(before)


def test_an_object_of_the_whole_cluster_has_its_name_as_id():
    after = unfinished.taken_up(_deployment([], _creating(_SECRET, metadata={"name": "skua"})))

    assert [each["id"] for each in after["resources"]] == ["skua"]


def test_what_the_state_knows_already_and_what_nobody_can_find_again_is_no_second_resource():
    known = [{"urn": _LOCAL, "id": "skua"}]
    operations = (
        _creating(_LOCAL, name="skua"),
        _creating(_PROVIDER),
        _creating(_SECRET, metadata={"labels": {}}),
        {"type": "deleting", "resource": {"urn": _SECRET, "type": "kubernetes:core/v1:Secret"}},
    )

    assert unfinished.taken_up(_deployment(known, *operations))["resources"] == known


def test_a_state_in_which_nothing_was_interrupted_has_nothing_to_take_up():
    assert not unfinished.is_any({"manifest": {}})
    assert not unfinished.is_any(_deployment([]))


def test_a_key_whose_making_was_cut_off_is_asked_for_by_its_alias():
    key = "urn:pulumi:dev::atoll::atoll:index:Key$atoll:index:KmsKey::app-kms"

    after = unfinished.taken_up(_deployment([], _creating(key, alias="atoll-dev-app")))

    assert [each["id"] for each in after["resources"]] == ["alias/atoll-dev-app"]
