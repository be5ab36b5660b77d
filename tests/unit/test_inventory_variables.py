import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.platform import variables
from atoll.platform.variables import Rendering

SCOPE = {
    "name": "web",
    "count": 3,
    "on": True,
    "share": 1.5,
    "none": None,
    "ports": [80],
    "at": {"zone": "a"},
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("${name}", "web"),
        ("${count}", 3),
        ("${on}", True),
        ("${ports}", [80]),
        ("${at}", {"zone": "a"}),
        ("${at.zone}", "a"),
        ("${name}-${count}", "web-3"),
        ("${on} ${share}", "true 1.5"),
        ("$${name}", "${name}"),
        ("x$${name}${name}", "x${name}web"),
        ("$$${name}", "$${name}"),
        ("$name $$ $(name) {name}", "$name $$ $(name) {name}"),
        ("", ""),
    ],
)
def test_what_a_value_becomes(text, value):
    rendering = Rendering(SCOPE)
    found = rendering.of({"deep": [text]}, ())

    assert found == {"deep": [value]}
    assert type(found["deep"][0]) is type(value)
    assert not rendering.faults
    assert not rendering.undefined


@pytest.mark.parametrize("text", ["${nobody}", "a ${at.nobody} b", "${name.deeper}", "${nobody}${nobody}"])
def test_what_nobody_sets_is_told_with_its_place_and_left_as_it_is(text):
    rendering = Rendering(SCOPE)

    assert rendering.of([text], ("spec",)) == [text]
    assert {path for path, _ in rendering.undefined} == {("spec", 0)}


@pytest.mark.parametrize(
    "text", ["${}", "${a-b}", "${1a}", "${a", "${a b}", "x ${ports}", "x ${none}", "${none}", "${.a}"]
)
def test_what_is_no_variable_or_does_not_fit_a_text_is_a_fault(text):
    rendering = Rendering({**SCOPE, "a": 1})

    assert rendering.of(text) == text
    assert rendering.faults


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda child: st.lists(child, max_size=3) | st.dictionaries(st.text(max_size=4), child, max_size=3),
    max_leaves=10,
)


def _escaped(value):
    if isinstance(value, dict):
        return {key: _escaped(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_escaped(child) for child in value]
    return value.replace("${", "$${") if isinstance(value, str) else value


@given(json_values)
def test_an_escaped_value_comes_out_as_it_was_meant(value):
    rendering = Rendering({})

    assert rendering.of(_escaped(value)) == value
    assert not rendering.faults


@given(st.dictionaries(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,5}", fullmatch=True), json_values, min_size=1))
def test_a_whole_value_is_the_variable_itself(scope):
    for name, value in scope.items():
        if value is not None:
            assert json.dumps(Rendering(scope).of(f"${{{name}}}")) == json.dumps(value)


@given(st.text("${}ab$", max_size=12))
def test_any_text_is_filled_in_or_told(text):
    rendering = Rendering({"a": "x", "b": 1})
    rendering.of(text)

    for path, _ in (*rendering.faults, *rendering.undefined):
        assert path == ()


def test_a_variable_is_no_part_of_another_but_may_hold_an_escape():
    scope = {"script": "echo $${HOME}", "bad": {"deep": ["${script}"]}}

    assert [path for path, _ in variables.problems(scope, ("vars",))] == [("vars", "bad", "deep", 0)]
    assert variables.settled({"script": "echo $${HOME}"}) == {"script": "echo ${HOME}"}
    assert Rendering({"script": "echo ${HOME}"}).of("${script}") == "echo ${HOME}"
