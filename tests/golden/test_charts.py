"""What of a chart is derived from its schema, and that its cases are whole. Rendering needs helm: conformance/charts."""

import json

import pytest
import yaml

from atoll.charts import derived
from harness import golden, helm

_SCHEMA = json.loads((helm.CHART / "values.schema.json").read_text())
_LEAVES = {".".join(path): (schema, required) for path, schema, required in derived.leaves(_SCHEMA)}


def test_the_default_values_are_those_of_the_schema():
    golden.compare(helm.CHART / "values.yaml", derived.values(_SCHEMA))


def test_the_readme_tells_the_values_of_the_schema():
    golden.compare(helm.CHART / "README.md", derived.readme(_SCHEMA, (helm.CHART / "README.md").read_text()))


@pytest.mark.parametrize("value", _LEAVES)
def test_every_value_says_what_it_is_and_has_a_default_unless_it_is_required(value):
    schema, required = _LEAVES[value]

    assert schema["description"].endswith(".") or schema["description"].endswith(").")
    assert ("default" in schema) is not required


def test_the_cases_are_whole():
    rendered = {path.stem for path in (helm.CASES / "rendered").glob("*.yaml")}

    assert rendered == set(helm.NAMES)
    assert len(helm.NAMES) >= 40
    assert len(helm.REFUSED) >= 30


def test_every_value_is_set_by_a_case():
    given = {
        path
        for name in (*helm.NAMES, "../image")
        for path in _paths(yaml.safe_load(helm.case(name).read_text()), ())
    }

    assert set(_LEAVES) <= {".".join(path[:size]) for path in given for size in range(1, len(path) + 1)}


def _paths(value, path):
    if isinstance(value, dict) and value:
        for name, child in value.items():
            yield from _paths(child, (*path, name))
    else:
        yield path
