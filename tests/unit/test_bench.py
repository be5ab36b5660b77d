"""What the bench measures by, and what it makes of it."""

import pytest
from bench import figures, policies, table
from bench.policies import Revision


def test_there_are_twenty_policies_and_no_two_are_one_object():
    found = policies.objects(Revision(1))

    paths = {policies.located(each)[0] for each in found}
    assert len(found) == len(paths) == 20
    assert {policies.located(each)[1] for each in found} == {
        "/api/v1/configmaps",
        "/api/v1/limitranges",
        "/api/v1/resourcequotas",
        "/apis/networking.k8s.io/v1/networkpolicies",
        "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
        "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    }


def test_each_kind_of_change_changes_what_it_says():
    first, changed = Revision(1), Revision(2)
    policy = changed.with_policy(1)
    rule = policy.with_rule("r1")

    assert len(policies.differing(first, changed)) == 20
    assert [each["kind"] for each in policies.differing(changed, policy)] == ["NetworkPolicy"]
    assert [each["kind"] for each in policies.differing(policy, rule)] == ["ClusterRole"]
    assert policies.differing(rule, rule) == []


def _measured(way, change, seconds, **more):
    found = {"way": way, "change": change, "seconds": seconds, "client": 1.0, "servers": 2.0, "load": 3.0}
    return {**found, "effect": {}, "missing": [], "error": "", **more}


RESULT = {
    "clusters": 2,
    "rounds": 3,
    "date": "2026-11-27",
    "measured": [
        _measured("quick", "first", 1.0),
        *(_measured("slow", "first", seconds) for seconds in (9.0, 5.0, 7.0)),
        _measured("slow", "changed", 4.0, effect={"a": 1.0, "b": 3.0}),
        _measured("slow", "one policy", 4.0, missing=["b"]),
    ],
}


def test_the_table_has_medians_and_tells_what_failed():
    lines = table.text(RESULT).splitlines()

    assert lines[-2:] == [
        "| slow | 7.00; 1.0 + 2.0 | - | 4.00 (1.00, 3.00); 1.0 + 2.0 | 4.00; 1.0 + 2.0 failed | - |",
        "| quick | 1.00; 1.0 + 2.0 | - | - | - | - |",
    ]
    assert "up to 3 interleaved rounds on 2 lean" in lines[0]


@pytest.mark.parametrize(("percent", "expected"), [(50, 2), (95, 4), (100, 4), (1, 1)])
def test_a_percentile_is_a_value_that_was_measured(percent, expected):
    assert figures.percentile([4, 1, 3, 2], percent) == expected


def test_the_table_takes_the_place_of_the_one_before():
    begin, end = "<!-- bench.sync: begin -->", "<!-- bench.sync: end -->"
    readme = f"a\n{begin}\nold\n{end}\nb\n"

    assert table.placed(readme, "sync", "new") == f"a\n{begin}\nnew\n{end}\nb\n"
    with pytest.raises(ValueError, match="found no"):
        table.placed("a", "sync", "new")


def test_a_member_more_is_told_by_what_each_one_took():
    row = {"seconds": 8.0, "member_rss": 230.0, "member_pss": 150.0, "store_rss": 90.0, "plane_rss": 800.0}
    lines = table.grown([{"members": 4, "added": 4, **row}, {"members": 8, "added": 4, **row}]).splitlines()

    assert lines[2:] == [
        "| 4 members | 8.0 | 2.00 | 230 | 150 | 90 | 800 |",
        "| 8 members | 8.0 | 2.00 | 230 | 150 | 90 | 800 |",
    ]
