"""`charts check`: what is wrong with a chart is told all at once, each with its place and rule.

A case is `golden/charts/checked/cases/<case>.yaml`, and `<case>.txt` beside it is the exact text. A new case needs no
Python: ATOLL_UPDATE_GOLDEN=1 writes its text.
"""

import pytest

from atoll.charts import checks
from atoll.charts.findings import Rule
from harness import charts, golden, helm


@pytest.mark.parametrize("case", charts.CASES, ids=lambda path: path.stem)
def test_what_is_wrong_with_a_chart_is_told_in_full(case, tmp_path, runner):
    found = checks.check(runner, charts.case(case, tmp_path))

    assert found
    golden.compare(case.with_suffix(".txt"), "".join(f"{each}\n" for each in found))


def test_nothing_is_wrong_with_a_good_chart(tmp_path, runner):
    assert checks.check(runner, charts.base(tmp_path)) == []


def test_nothing_is_wrong_with_the_chart_that_atoll_ships(runner):
    assert checks.check(runner, helm.CHART) == []


def test_a_chart_is_looked_at_with_each_of_its_cases_and_a_value_is_told_where_it_was_written(
    tmp_path, runner
):
    chart = charts.base(tmp_path)
    (chart / "ci").mkdir()
    (chart / "ci" / "many-values.yaml").write_text("replicas: 9\n")
    (chart / "ci" / "bad-values.yaml").write_text("\nimage: crab:latest\nreplicas: -1\n")

    found = [str(each) for each in checks.check(runner, chart)]
    given = [str(each) for each in checks.check(runner, chart, [chart / "ci" / "many-values.yaml"])]

    assert found == ["ci/bad-values.yaml:3: replicas: minimum: got -1, want 0 [helm-lint]"]
    assert given == []


def test_there_are_enough_cases_and_every_rule_has_one():
    texts = [path.with_suffix(".txt").read_text() for path in charts.CASES]

    assert len(texts) >= 30
    assert {rule for rule in Rule if any(f"[{rule}]" in text for text in texts)} == set(Rule)
