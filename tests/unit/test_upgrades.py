"""Programs that changed: which may take over, what is restarted, what is said."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.cluster.local import upgrades
from atoll.host import Program, description


@pytest.mark.parametrize(
    ("program", "found", "wanted", "allowed"),
    [
        ("etcd", "3.6.14", "3.6.15", True),
        ("etcd", "3.6.14", "3.6.13", True),
        ("etcd", "3.6.14", "3.7.0", True),
        ("etcd", "3.6.14", "3.5.21", False),
        ("etcd", "3.6.14", "3.8.0", False),
        ("etcd", "3.6.14", "4.0.0", False),
        ("kube-apiserver", "1.36.3", "1.36.1", True),
        ("kube-apiserver", "1.36.3", "1.37.0", True),
        ("kube-apiserver", "1.36.3", "1.35.9", False),
        ("kube-apiserver", "1.36.3", "1.38.0", False),
        ("karmada-controller-manager", "1.18.2", "1.18.1", True),
        ("karmada-controller-manager", "1.18.2", "1.17.9", False),
        ("kwok", "0.8.0", "0.7.0", True),
        ("kube-scheduler", "1.36.3", "1.34.0", True),
        ("etcd", "", "3.5.0", True),
    ],
)
def test_what_may_take_over_from_what(program, found, wanted, allowed):
    assert (upgrades.refusal(program, found, wanted) is None) == allowed


@given(st.tuples(*[st.integers(0, 40)] * 3))
def test_a_program_may_always_take_over_from_itself(parts):
    version = ".".join(map(str, parts))
    assert upgrades.refusal("etcd", version, version) is None


def test_a_refusal_is_one_line_with_all_clusters_and_the_way_out():
    found = {name: {"etcd": "3.6.14", "kwok": "0.8.0"} for name in ("lagoon", "reef")}
    (line,) = upgrades.refusals({**found, "new": {}}, {"etcd": "3.5.9", "kwok": "0.7.0"})
    assert line == (
        "cluster lagoon, reef: found data of etcd 3.6.14; expected 3.5.9 to be of 3.6 or 3.7 (its store is written "
        "by one minor version and read by it and the next). Choose a newer version: "
        "components/atoll/toolchain/tools.toml, or the program on PATH"
    )
    assert "Choose one of 3.7 first" in upgrades.refusals(found, {"etcd": "3.8.0"})[0]


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1)


@given(st.lists(WORDS, min_size=1), st.integers(0, 999), st.from_regex(r"[a-f0-9]{0,12}", fullmatch=True))
def test_what_is_described_is_read_back_as_it_was(argv, priority, revision):
    program = Program("a.b", tuple(argv), priority, revision=revision, version="1.2.3")
    assert description.parse("a.b", description.text(program, Path("/log"))) == program


@pytest.mark.parametrize("damage", ["", "\0\0", "command=", 'command="', "priority=x\ncommand=setpriv a b c"])
def test_a_damaged_description_is_none(damage, tmp_path):
    path = tmp_path / "a.conf"
    path.write_text(damage)
    assert description.read(path) is None
    path.unlink()
    assert description.read(path) is None
