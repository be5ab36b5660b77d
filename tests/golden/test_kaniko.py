"""The objects by which Kaniko builds, for each thing that can be said of a build."""

from pathlib import Path

import pytest
import yaml

from harness import golden, kaniko

_FOLDER = Path(__file__).parent / "kaniko"


@pytest.mark.parametrize("case", sorted(kaniko.CASES))
def test_the_objects_of_a_build(case):
    build = kaniko.build(case)
    objects = [build.job(suspended=True), build.input(kaniko.OWNER), build.logins(kaniko.OWNER, "{}")]

    golden.compare(_FOLDER / f"{case}.yaml", yaml.safe_dump_all(objects, width=120))


def test_every_case_has_its_file_and_no_file_is_of_none():
    assert {path.stem for path in _FOLDER.glob("*.yaml")} == set(kaniko.CASES)
