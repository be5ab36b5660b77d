import base64
from typing import Any

from atoll.provider import values
from atoll.provider.kubernetes import state

NOTHING: frozenset[Any] = frozenset()
SECRET = "correct-horse"


def _manifest(kind, version="v1", **fields):
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "x", "namespace": "n"}, **fields}


CRD = _manifest("CustomResourceDefinition", "apiextensions.k8s.io/v1")


def _saved(inputs, live, secrets=NOTHING):
    return state.write(values.Decoded(inputs, frozenset(secrets)), live, "manager")


def test_a_state_is_read_as_it_was_written():
    live = _manifest("ConfigMap", data={"a": "1"})
    live["metadata"]["uid"] = "u"

    saved = state.read(_saved(_manifest("ConfigMap", data={"a": "1"}), live))

    assert (saved.live, saved.manager, saved.initial_version, saved.uid) == (live, "manager", "v1", "u")


def test_managed_fields_are_not_kept():
    live = _manifest("ConfigMap")
    live["metadata"]["managedFields"] = [{"manager": "x"}]

    assert "managedFields" not in state.read(_saved(live, live)).live["metadata"]


def test_a_secrets_data_is_secret_in_inputs_and_outputs_whoever_declares_it():
    plain = _manifest("Secret", stringData={"a": SECRET})
    live = _manifest("Secret", data={"a": base64.b64encode(SECRET.encode()).decode()})

    marks = values.decode(_saved(plain, live)).secrets

    assert {("__inputs", "stringData"), ("data",)} <= marks


def test_what_is_secret_in_a_list_makes_the_whole_list_secret_in_the_outputs():
    plain = _manifest("Pod", spec={"containers": [{"env": SECRET}]})

    marks = values.decode(_saved(plain, plain, {("spec", "containers", 0, "env")})).secrets

    assert ("spec", "containers") in marks
    assert ("__inputs", "spec", "containers", 0, "env") in marks


def test_keys_that_sdks_cannot_spell_are_written_their_way_and_read_back():
    schema = {"x-kubernetes-preserve-unknown-fields": True, "x-other": 1}
    crd = {**CRD, "spec": {"schema": schema}}

    struct = state.write_inputs(values.Decoded(crd, NOTHING))

    assert values.plain(struct)["spec"]["schema"] == {
        "x_kubernetes_preserve_unknown_fields": True,
        "x-other": 1,
    }
    assert state.read_inputs(struct).value == crd
