"""The rules by which the soak judges: a loss, an orphan, a double and a leak must show."""

from collections import Counter

import pytest

from soak import endurance, objects
from soak.findings import Findings
from soak.ground import Census
from soak.objects import Held


def _census(**changed):
    none: dict[str, Counter[str]] = {
        name: Counter() for name in ("objects", "resources", "files", "processes", "ports")
    }
    return Census(**{**none, **{name: Counter(keys) for name, keys in changed.items()}})


def test_what_is_gone_is_another_or_is_altered_is_told():
    before = {"a": Held("1", "x"), "b": Held("2", "x"), "c": Held("3", "x"), "d": Held("4", "x")}
    after = {"a": Held("1", "x"), "b": Held("9", "x"), "c": Held("3", "y"), "e": Held("5", "x")}

    assert objects.lost(before, after) == ["gone: d", "new: e", "another: b", "altered: c"]
    assert objects.lost(before, dict(before)) == []


def test_a_double_and_an_orphan_are_told_by_their_kind():
    right = _census(objects=["tern Pod. beacon/light-*"], ports=["listening tern/etcd"])
    wrong = _census(objects=["tern Pod. beacon/light-*"] * 2, files=["tmpabc/events"])

    assert right.differences(wrong) == [
        "files too many: tmpabc/events x1",
        "objects too many: tern Pod. beacon/light-* x1",
        "ports missing: listening tern/etcd x1",
    ]


@pytest.mark.parametrize(
    ("values", "flat"),
    [
        ([100.0] * 30, True),
        # What fills up in the first third and breathes afterwards is no leak.
        ([10.0, 50.0, 90.0, 100.0, 120.0, 95.0, 100.0, 120.0, 95.0], True),
        ([float(100 + number) for number in range(90)], False),
        ([1.0, 2.0, 3.0], True),
    ],
)
def test_a_leak_is_told_from_what_breathes(values, flat):
    assert endurance.is_flat(values) is flat


def test_what_fills_up_is_held_to_its_bound():
    def sampled(engine):
        return [endurance.Sample(1, 1, 1, 1, engine, 1) for _ in range(30)]

    endurance.judge(Findings("endurance", "make soak"), sampled(50))
    with pytest.raises(AssertionError, match="state and past"):
        endurance.judge(Findings("endurance", "make soak"), sampled(1000))


def test_each_part_replaces_its_own_section(tmp_path):
    path = tmp_path / "RESULTS.md"
    for part, value in (("engine", 1.0), ("processes", 2.0), ("engine", 3.0)):
        findings = Findings(part, "make soak")
        findings.measure("seconds", value)
        findings.write(path)

    text = path.read_text()

    assert text.count("## ") == 2
    assert "| seconds | 3.0 |" in text
    assert "| seconds | 1.0 |" not in text


def test_a_round_that_fails_is_kept_and_the_next_one_runs(tmp_path):
    findings = Findings("engine", "make soak")
    with findings.round("kill etcd", 0, 2):
        raise AssertionError("gone: c")
    with findings.round("kill kwok", 1, 2):
        pass
    findings.write(tmp_path / "RESULTS.md")

    text = (tmp_path / "RESULTS.md").read_text()
    assert "FAILED: 1 of 2 rounds" in text
    assert "- FAILED kill etcd: AssertionError: gone: c" in text
