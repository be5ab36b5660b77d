"""What actionlint, which knows GitHub's workflows, says of ours."""

from pathlib import Path

import pytest

from atoll import toolchain
from atoll.automation import workflows
from atoll.core import command

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def linter():
    return toolchain.ensure(["actionlint"])["actionlint"]


@pytest.mark.parametrize("folder", [workflows.FOLDER, "tests/golden/workflows"])
def test_it_finds_nothing(linter, folder):
    files = [ROOT / folder / f"{name}.yaml" for name in workflows.NAMES]
    done = command.run([linter, "-no-color", "-shellcheck=", "-pyflakes=", *files], cwd=ROOT, check=False)

    assert (done.code, done.stdout) == (0, "")


def test_it_would_find_a_mistake(linter, tmp_path):
    path = tmp_path / "preview.yaml"
    text = (ROOT / workflows.FOLDER / "preview.yaml").read_text()
    path.write_text(text.replace("github.token", "github.tokn"))

    assert command.run([linter, path], cwd=tmp_path, check=False).code == 1
