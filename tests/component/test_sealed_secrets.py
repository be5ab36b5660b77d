"""A sealed secret becomes a Secret on the plane, and what it holds stands open nowhere."""

import pytest

from atoll.testing import open_texts, plain
from harness import environments, sealing

_REVISION = "atoll.dev/revision"


@pytest.fixture
def sealed(edited):
    return edited("dev", sealing.add)


def _new(record):
    return {urn: each for urn, each in record.resources.items() if urn not in _before()}


def _before():
    return environments.recorded("dev").resources


def _one(record, kind):
    (found,) = [each for each in _new(record).values() if each.type.endswith(kind)]
    return found


def test_it_brings_its_own_resources_and_changes_no_other(sealed):
    assert {each.urn.partition("::atoll::")[2] for each in _new(sealed).values()} == {
        "atoll:index:SealedSecret::login",
        "atoll:index:Propagation::login-sealed",
        "atoll:index:Propagation$kubernetes:core/v1:Secret::control-plane-secret.guestbook.login",
        "atoll:index:Propagation$kubernetes:policy.karmada.io/v1alpha1:ClusterPropagationPolicy::login-sealed-placement",
        "atoll:index:Propagation$atoll:index:PropagationStatus::login-sealed-status",
    }
    assert all(each.inputs == sealed.resources[urn].inputs for urn, each in _before().items())


def test_it_is_opened_under_the_environments_key_for_its_name(sealed):
    resource = _one(sealed, ":SealedSecret")

    assert plain(resource.inputs) == {
        "name": "login",
        "project": "atoll",
        "environment": "dev",
        "key": "alias/atoll-dev",
        "values": {"password": sealing.text("once"), "user": sealing.text("ada")},
    }
    assert list(resource.request.additionalSecretOutputs) == ["data"]


def test_what_it_holds_is_secret_and_its_revision_is_that_of_the_ciphertext(sealed):
    secret, status = _one(sealed, ":Secret"), _one(sealed, ":PropagationStatus")

    assert plain(secret.inputs)["data"] == "login/data"
    assert plain(secret.inputs)["type"] == "Opaque"
    assert "login/data" not in open_texts(secret.inputs)
    (expected,) = status.inputs["objects"]
    assert open_texts(secret.inputs["metadata"]["annotations"][_REVISION]) == {expected["revision"]}
    assert open_texts(expected) == {"v1", "Secret", "login", "guestbook", expected["revision"]}
    assert status.inputs["clusters"] == ["lagoon", "reef"]


def test_it_waits_for_its_namespace_alone(sealed):
    secret = _one(sealed, ":Secret")

    awaited = {urn.rpartition("::")[2] for urn in secret.request.dependencies}
    assert awaited == {"login", "login-sealed-placement", "control-plane-namespace.guestbook"}


def test_another_ciphertext_changes_what_opens_it(edited, tmp_path):
    once = edited("dev", sealing.add).resources
    (tmp_path / "stacks").rename(tmp_path / "before")
    again = edited("dev", lambda values: sealing.add(values, "again")).resources

    assert once.keys() == again.keys()
    assert {each.name for urn, each in again.items() if each.inputs != once[urn].inputs} == {"login"}


def test_elsewhere_it_is_opened_under_the_key_that_is_declared(edited):
    def add(values):
        sealing.add(values)
        values["kms"] = {"driver": "aws", "key": "alias/mine", "region": "eu-central-1"}

    assert plain(_one(edited("dev", add), ":SealedSecret").inputs)["key"] == "alias/mine"


def test_a_key_of_the_inventory_seals_it_where_it_says_so(edited):
    def add(values):
        sealing.add(values)
        values["keys"] = {"main": {}}
        values["sealedSecrets"][sealing.NAME]["key"] = "main"

    opener = _one(edited("dev", add), ":SealedSecret")

    assert plain(opener.inputs)["key"] == "main-kms/arn"
    assert "main-kms" in {urn.rpartition("::")[2] for urn in opener.request.dependencies}


def test_a_file_of_sops_is_handed_over_as_it_is(edited, tmp_path):
    def add(values):
        sealing.add(values)
        (tmp_path / "login.yml").write_text("token: sealed")
        del values["sealedSecrets"][sealing.NAME]["values"]
        values["sealedSecrets"][sealing.NAME]["sops"] = "login.yml"

    inputs = plain(_one(edited("dev", add), ":SealedSecret").inputs)

    assert inputs["sops"] == {"text": "token: sealed", "form": "yaml"}
    assert "values" not in inputs
