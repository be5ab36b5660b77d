import pytest

from atoll.kubernetes import ApiError
from atoll.provider.kubernetes import annotations, conflicts


def _manifest(kind, version="v1", **fields):
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "x", "namespace": "n"}, **fields}


def _conflict(*owners):
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f'conflict with "{owner}" using v1',
            "field": f".f{place}",
        }
        for place, owner in enumerate(owners)
    ]
    return {"details": {"causes": causes}}


def test_conflicts_are_read_with_their_owners():
    assert conflicts.read(_conflict("a", "b")) == [(".f0", "a"), (".f1", "b")]
    assert conflicts.read({}) == []
    assert conflicts.read({"details": {"causes": [{"reason": "Other", "message": "x"}]}}) == []


@pytest.mark.parametrize(
    ("owners", "taken"),
    [
        (["kubectl-edit", "before-first-apply"], True),
        (["former"], True),
        (["kubectl", "operator"], False),
    ],
)
def test_an_update_takes_over_from_kubectl_and_from_its_own_former_manager(owners, taken):
    assert conflicts.may_be_taken(conflicts.read(_conflict(*owners)), "former") is taken


def test_a_refusal_names_each_field_and_owner_and_the_way_out():
    status = _conflict("operator")

    line = str(conflicts.refusal(_manifest("ConfigMap"), conflicts.read(status), ApiError(409, status)))

    assert line.startswith("ConfigMap n/x: found a field conflict")
    assert '.f0 is owned by "operator"' in line
    assert annotations.PATCH_FORCE in line
