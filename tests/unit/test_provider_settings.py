import base64
from typing import Any

import pytest

from atoll.core.errors import ArgsError
from atoll.kubernetes import identities
from atoll.provider import values
from atoll.provider.kubernetes import hiding, settings

NOTHING: frozenset[Any] = frozenset()
SECRET = "correct-horse"


def _manifest(kind, version="v1", **fields):
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "x", "namespace": "n"}, **fields}


def test_secrets_are_taken_out_of_errors_and_of_what_is_behind_them():
    inputs = values.Decoded({"a": {"b": SECRET}, "c": "word"}, frozenset({("a",), ("none", "here")}))
    encoded = base64.b64encode(SECRET.encode()).decode()

    with pytest.raises(ArgsError) as raised, hiding.errors(inputs):
        raise ArgsError(f"found {SECRET}") from ValueError(f"{encoded} word")

    assert str(raised.value) == "found [secret]"
    assert str(raised.value.__cause__) == "[secret] word"


def test_a_secrets_data_is_hidden_though_nothing_marks_it():
    inputs = values.Decoded(_manifest("Secret", stringData={"a": SECRET}), NOTHING)

    assert hiding.hidden(f"Invalid value: {SECRET}", inputs) == "Invalid value: [secret]"


def test_settings_come_from_the_program_first_and_then_from_the_environment():
    read = settings.read(
        {"kubernetes:config:enableConfigMapMutable": "false", "kubernetes:config:context": "c"},
        {"PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE": "true", "PULUMI_K8S_ENABLE_SECRET_MUTABLE": "true"},
    )

    assert (read.context, read.mutable, read.known) == ("c", frozenset({"Secret"}), True)
    assert not settings.read({"kubernetes:config:kubeconfig": values.UNKNOWN}, {}).known


def test_settings_that_are_not_served_are_named():
    found = list(settings.problems({"renderYamlToDirectory": "out", "enableServerSideApply": "false"}))

    assert [problem.split(":")[0] for problem in found] == ["renderYamlToDirectory", "enableServerSideApply"]
    assert list(settings.problems({"enableServerSideApply": True, "kubeconfig": "x"})) == []


def test_an_object_is_called_by_namespace_and_name():
    assert identities.identifier(_manifest("ConfigMap")) == "n/x"
    assert identities.identifier({"metadata": {"name": "x"}}) == "x"
    assert identities.group_kind(_manifest("Deployment", "apps/v1")) == ("apps", "Deployment")
    assert identities.group_kind(_manifest("Pod")) == ("", "Pod")
