"""What a plan is bound to, what is said when that moved, and what a protected environment loses only by name."""

import json
import stat
from dataclasses import replace
from typing import Any

import pytest

from atoll.automation import guarding, holding, planning, plans
from atoll.automation.events import Message, Outcome, Result, Severity
from atoll.automation.plans import Facts, Plan
from atoll.core.errors import ArgsError, IntegrityError, RefusedError, StalePlanError

FACTS = Facts(
    commit="a" * 40,
    changed={"notes.txt": "1"},
    settings={"stacks/base.yaml": "2", "stacks/prod.yaml": "3"},
    state={"urn:pulumi:prod::atoll::atoll:index:Key$atoll:index:KmsKey::app-kms": "4", "secrets": "5"},
    versions={"plugin kubernetes": "4.34.2 (official)", "program pulumi": "3.259.0"},
)
PLAN = Plan("prod", "2026-01-02T03:04:05+00:00", FACTS, [], ["+ a", "- b"], {"resourcePlans": {}})
INVENTORY: Any = None
"""Of which nothing is asked here."""
SIGNATURE = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}


def _resource(name, **more):
    return {"urn": f"urn:pulumi:e::atoll::kubernetes:core/v1:Secret::{name}", "type": "t", **more}


def _change(kind, name, verb, cluster=None):
    return {"urn": f"urn:pulumi:prod::atoll::{kind}::{name}", "verb": verb, "cluster": cluster}


def test_a_plan_comes_back_from_its_file_as_it_was_and_its_owner_alone_reads_it(tmp_path):
    PLAN.write(tmp_path / "plan")

    assert Plan.read(tmp_path / "plan", "prod") == PLAN
    assert stat.S_IMODE((tmp_path / "plan").stat().st_mode) == 0o600


def test_a_file_that_others_could_read_is_closed_when_a_plan_takes_its_place(tmp_path):
    (tmp_path / "plan").touch(mode=0o644)

    PLAN.write(tmp_path / "plan")

    assert stat.S_IMODE((tmp_path / "plan").stat().st_mode) == 0o600


def test_a_plan_of_another_environment_and_one_that_is_not_there_are_wrong_arguments(tmp_path):
    PLAN.write(tmp_path / "plan")

    with pytest.raises(ArgsError, match="found a plan of prod; expected one of dev"):
        Plan.read(tmp_path / "plan", "dev")
    with pytest.raises(ArgsError, match=r"found no such file; expected a plan\. Run: atoll plan dev --out "):
        Plan.read(tmp_path / "none", "dev")


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        pytest.param(lambda text: text[:40], "no plan in it", id="cut off"),
        pytest.param(lambda _: "[1]", "no plan in it", id="another JSON"),
        pytest.param(lambda text: text.replace("+ a", "+ c"), "a plan that was changed", id="a line of it"),
        pytest.param(lambda text: text.replace('"3"', '"9"'), "a plan that was changed", id="a digest"),
        pytest.param(lambda text: text.replace('"format": 1', '"format": 2'), "a plan that was", id="format"),
    ],
)
def test_a_plan_that_is_not_what_was_written_is_refused(tmp_path, spoil, found):
    PLAN.write(tmp_path / "plan")
    text = spoil((tmp_path / "plan").read_text())
    (tmp_path / "plan").write_text(text)

    with pytest.raises(IntegrityError, match=found):
        Plan.read(tmp_path / "plan", "prod")


def test_nothing_moved_says_nothing():
    assert plans.moved(FACTS, replace(FACTS)) == []


@pytest.mark.parametrize(
    ("found", "line"),
    [
        pytest.param(
            replace(FACTS, commit="b" * 40),
            "commit: found bbbbbbbbbbbb; expected aaaaaaaaaaaa",
            id="another commit",
        ),
        pytest.param(replace(FACTS, commit=""), "commit: found none; expected aaaaaaaaaaaa", id="no Git"),
        pytest.param(
            replace(FACTS, changed={}),
            "checkout: found other changes to notes.txt; expected the planned ones",
            id="no more dirty",
        ),
        pytest.param(
            replace(FACTS, changed={"notes.txt": "1", "charts/x": "8"}),
            "checkout: found other changes to charts/x; expected the planned ones",
            id="another dirty file",
        ),
        pytest.param(
            replace(FACTS, settings={**FACTS.settings, "stacks/prod.yaml": "9"}),
            "stacks/prod.yaml: found another content; expected it as it was planned",
            id="a setting",
        ),
        pytest.param(
            replace(FACTS, settings={"stacks/prod.yaml": "3"}),
            "stacks/base.yaml: found no such file; expected it as it was planned",
            id="settings gone",
        ),
        pytest.param(
            replace(FACTS, state={**FACTS.state, next(iter(FACTS.state)): "9"}),
            "state: found KmsKey app-kms changed; expected it as it was planned (another run wrote it)",
            id="a resource",
        ),
        pytest.param(
            replace(FACTS, state={"secrets": "6"}),
            "state: found KmsKey app-kms gone; expected it as it was planned (another run wrote it)",
            id="a resource gone",
        ),
        pytest.param(
            replace(FACTS, state={**FACTS.state, "pending_operations": "7"}),
            "state: found pending_operations new; expected it as it was planned (another run wrote it)",
            id="pending operations",
        ),
        pytest.param(
            replace(FACTS, state={**FACTS.state, "secrets": "6"}),
            "state: found its secrets encrypted anew; expected it as it was planned (another run wrote it)",
            id="secrets alone",
        ),
        pytest.param(
            replace(FACTS, versions={**FACTS.versions, "plugin kubernetes": "4.35.0 (official)"}),
            "plugin kubernetes: found 4.35.0 (official); expected 4.34.2 (official)",
            id="a plugin",
        ),
        pytest.param(
            replace(FACTS, versions={"plugin kubernetes": "4.34.2 (official)"}),
            "program pulumi: found none; expected 3.259.0",
            id="a program",
        ),
    ],
)
def test_what_moved_is_named(found, line):
    assert plans.moved(FACTS, found) == [line]


def test_a_settings_file_that_is_dirty_is_named_once():
    found = replace(
        FACTS,
        changed={**FACTS.changed, "stacks/prod.yaml": "9"},
        settings={**FACTS.settings, "stacks/prod.yaml": "9"},
    )

    assert len(plans.moved(FACTS, found)) == 1


def test_of_many_resources_some_are_named_and_the_rest_is_counted():
    many = {f"urn:pulumi:prod::atoll::t:i:K::n{number}": "1" for number in range(8)}

    (line,) = plans.moved(FACTS, replace(FACTS, state={**FACTS.state, **many}))

    assert "K n0 new, K n1 new" in line
    assert "and 3 more" in line


def test_a_state_is_the_same_in_any_order_and_whenever_it_was_written():
    one, two = _resource("a", dependencies=["y", "x"], propertyDependencies={"p": ["y", "x"]}), _resource("b")
    other = {**one, "dependencies": ["x", "y"], "propertyDependencies": {"p": ["x", "y"]}}

    assert plans.state({"manifest": {"time": 1}, "resources": [one, two]}) == plans.state(
        {"manifest": {"time": 2}, "resources": [two, other]}
    )


def test_a_secret_that_is_encrypted_anew_is_told_apart_from_a_resource_that_changed():
    def state(ciphertext, **more):
        return plans.state(
            {"resources": [_resource("a", inputs={"k": [{**SIGNATURE, "ciphertext": ciphertext}], **more})]}
        )

    before, anew, changed = state("v1:x"), state("v1:y"), state("v1:x", n=1)

    assert [name for name in before if before[name] != anew[name]] == [plans.SECRETS]
    assert [name for name in before if before[name] != changed[name]] == [_resource("a")["urn"]]


def test_a_resource_that_waits_for_its_end_beside_its_successor_counts():
    one = plans.state({"resources": [_resource("a")]})
    two = plans.state({"resources": [_resource("a"), _resource("a", delete=True)]})

    assert one[_resource("a")["urn"]] != two[_resource("a")["urn"]]


def test_the_diff_is_what_stands_after_the_look_at_what_is_live():
    spoken = [
        "Previewing update (e):",
        "~ pulumi:pulumi:Stack: (refresh)",
        "    ~ kubernetes:core/v1:Secret: (refresh)",
        "  pulumi:pulumi:Stack: (same)",
        "    ~ atoll:index:KmsKey: (update)",
        "Resources:",
        "    ~ 1 to update",
        "Update plan written to '/x'",
        "Run `pulumi up --plan='/x'`",
    ]

    assert planning.diff(spoken) == spoken[3:7]
    assert planning.diff(spoken[:1]) == []


def test_what_the_engine_finds_beyond_its_plan_is_told_by_resource():
    urn = "urn:pulumi:e::atoll::atoll:index:KmsKey::app-kms"
    output = (
        f"error: resource {urn} violates plan: properties changed: ~~data[{{&{{{{hunter2\nhunter3}}}}}}!={{b}}]\n"
        f"error: expected resource operations for {urn} but none were seen\n"
    )

    changed, missing = planning.violations(output)

    assert changed.startswith(f"{urn}: found what the plan does not say (properties changed: ~~data)")
    assert "hunter" not in changed + missing
    assert missing.startswith(f"{urn}: found what the plan does not say (none were seen)")
    assert planning.violations("error: something else") == []


def test_errors_of_a_preview_are_told_once_it_is_over():
    told: list[Result | Message] = []
    heard = planning._Preview(told.append)
    error, note = Message(Severity.ERROR, "kept back"), Message(Severity.PROGRESS, "at work")
    result = Result("urn", Outcome.OK, "unchanged", None)

    heard(error)
    heard(note)
    assert (told, heard.errors, heard.is_over) == ([note], [error], False)
    heard(result)
    heard(error)
    assert (told, heard.is_over) == ([note, error, result, error], True)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("atoll:index:Cluster", True),
        ("atoll:index:Cluster$atoll:index:LocalCluster", True),
        ("atoll:index:Key$atoll:index:KmsKey", True),
        ("atoll:index:Propagation", False),
        ("atoll:index:Propagation$kubernetes:core/v1:PersistentVolumeClaim", True),
        ("atoll:index:Propagation$kubernetes:apps/v1:StatefulSet", True),
        ("atoll:index:Propagation$kubernetes:apps/v1:Deployment", False),
        ("atoll:index:Member$kubernetes:cluster.karmada.io/v1alpha1:Cluster", False),
        ("docker:index/container:Cluster", False),
    ],
)
def test_what_holds_data_is_known_by_its_type(kind, expected):
    assert guarding.is_stateful(f"urn:pulumi:e::atoll::{kind}::n") is expected


def test_the_end_of_what_holds_data_is_refused_with_the_words_that_let_it_be():
    changes = [
        _change("kubernetes:apps/v1:StatefulSet", "db", "replaced"),
        _change("atoll:index:Cluster$atoll:index:LocalCluster", "reef-local", "deleted", "reef"),
        _change("atoll:index:Cluster", "reef", "deleted", "reef"),
        _change("atoll:index:KmsKey", "app-kms", "updated"),
        _change("kubernetes:apps/v1:Deployment", "web", "deleted"),
    ]

    with pytest.raises(RefusedError) as refused:
        guarding.refuse("prod", changes, [])

    assert str(refused.value) == (
        "environment prod: found StatefulSet db replaced, LocalCluster reef-local deleted, Cluster reef deleted; "
        "expected each of them to be confirmed (the environment is protected). If that is meant: "
        "--confirm db --confirm reef"
    )
    guarding.refuse("prod", changes, ["db", "reef"])
    guarding.refuse("prod", changes, [each["urn"] for each in changes])
    with pytest.raises(RefusedError, match="found StatefulSet db replaced; "):
        guarding.refuse("prod", changes, ["reef"])


def test_what_the_engine_protects_is_released_by_its_name_or_that_of_what_it_is_part_of():
    def resource(kind, name, parent="", *, protect=True):
        urn = f"urn:pulumi:e::atoll::{kind}::{name}"
        return {"urn": urn, "parent": parent, "protect": protect}

    stack = resource("pulumi:pulumi:Stack", "atoll-e", protect=False)
    reef = resource("atoll:index:Cluster", "reef", stack["urn"], protect=False)
    local = resource("atoll:index:Cluster$atoll:index:LocalCluster", "reef-local", reef["urn"])
    key = resource("atoll:index:KmsKey", "app-kms", stack["urn"])
    state = [stack, reef, local, key]

    assert guarding.released(state, ["reef"]) == [local["urn"]]
    assert guarding.released(state, ["app-kms", local["urn"]]) == [local["urn"], key["urn"]]
    assert guarding.released(state, ["atoll-e", "other"]) == []
    with pytest.raises(RefusedError, match=r"found the end of KmsKey app-kms; .* --confirm app-kms$"):
        guarding.refuse_kept("e", [key["urn"], key["urn"]])


def test_a_program_without_a_plan_looks_at_nothing(monkeypatch):
    monkeypatch.delenv(holding.VARIABLE, raising=False)
    monkeypatch.setattr(holding, "_found", None)

    holding.hold(INVENTORY, previewing=True)


def test_a_program_refuses_what_moved_and_leaves_word_of_it(tmp_path, monkeypatch):
    monkeypatch.setenv(holding.VARIABLE, str(tmp_path))
    monkeypatch.setattr(holding, "_found", lambda *_: replace(FACTS, commit="b" * 40))
    holding.expect(tmp_path, FACTS, tmp_path / "plan")

    with pytest.raises(StalePlanError, match="commit: found bbbbbbbbbbbb"):
        holding.hold(INVENTORY, previewing=True)

    assert holding.refused(tmp_path) == ["commit: found bbbbbbbbbbbb; expected aaaaaaaaaaaa"]


def test_a_program_that_runs_for_good_minds_no_state_that_its_own_engine_writes(tmp_path, monkeypatch):
    monkeypatch.setenv(holding.VARIABLE, str(tmp_path))
    monkeypatch.setattr(holding, "_found", lambda *_: replace(FACTS, state={}))
    holding.expect(tmp_path, FACTS, tmp_path / "plan")

    holding.hold(INVENTORY, previewing=False)
    with pytest.raises(StalePlanError, match="state: found KmsKey app-kms gone"):
        holding.hold(INVENTORY, previewing=True)
    assert json.loads((tmp_path / "expected.json").read_text())["file"] == str(tmp_path / "plan")
