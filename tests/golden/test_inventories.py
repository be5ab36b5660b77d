"""Malformed inventories: what is wrong, and what is said, lie side by side in `inventories`.

A case is a file `<case>.yaml`, read as stacks/dev.yaml, or a folder `<case>`, read as stacks; `<case>.txt` is the
exact text. A new case needs no Python: ATOLL_UPDATE_GOLDEN=1 writes its text.
"""

import shutil
from pathlib import Path

import pytest

from atoll.core.errors import Exit, SettingsError, UnavailableError
from atoll.platform import load, preflight
from harness import golden

_FOLDER = Path(__file__).parent / "inventories"
_CASES = sorted(path for path in _FOLDER.iterdir() if path.suffix == ".yaml" or path.is_dir())


def _told(case: Path, project: Path) -> str:
    stacks = project / "stacks"
    if case.is_dir():
        shutil.copytree(case, stacks)
    else:
        stacks.mkdir()
        shutil.copy(case, stacks / "dev.yaml")
    with pytest.raises((SettingsError, UnavailableError)) as raised:
        preflight(load(stacks, "dev"))
    return f"exit code {int(raised.value.exit_code)}\n{raised.value}\n"


@pytest.mark.parametrize("case", _CASES, ids=lambda path: path.stem)
def test_what_is_wrong_is_told_in_full(case, tmp_path):
    golden.compare(case.with_name(f"{case.stem}.txt"), _told(case, tmp_path))


def test_there_are_enough_cases_and_each_text_has_one():
    texts = {path.stem for path in _FOLDER.glob("*.txt")}

    assert texts == {path.stem for path in _CASES}
    assert len(texts) >= 30


def test_every_line_names_a_file_a_line_and_what_was_found():
    for path in _FOLDER.glob("*.txt"):
        code, *lines = path.read_text().splitlines()
        assert code in {f"exit code {int(Exit.SETTINGS)}", f"exit code {int(Exit.UNAVAILABLE)}"}
        assert lines
        for line in lines:
            assert ": found " in line
            assert "; expected " in line
            assert line.startswith(("stacks/", "environment: "))


def test_ten_problems_are_told_at_once():
    assert len((_FOLDER / "ten-problems.txt").read_text().splitlines()) == 11
