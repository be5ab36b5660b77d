"""The workflows of this checkout, and of settings that ask for all there is."""

from pathlib import Path

import pytest

from atoll.automation import workflows
from harness import golden

_ROOT = Path(__file__).parents[2]
_FOLDER = Path(__file__).parent / "workflows"


def test_the_workflows_of_this_checkout_are_those_that_its_settings_ask_for():
    found = workflows.render(workflows.settings((_ROOT / workflows.SETTINGS).read_text()))

    for name, text in found.items():
        golden.compare(_ROOT / workflows.FOLDER / name, text)
    assert {path.name for path in (_ROOT / workflows.FOLDER).iterdir()} == set(found)


@pytest.mark.parametrize("name", workflows.NAMES)
def test_workflows_for_two_environments_and_a_registry_of_aws(name):
    found = workflows.render(workflows.settings((_FOLDER / "atoll.yaml").read_text()))

    golden.compare(_FOLDER / f"{name}.yaml", found[f"{name}.yaml"])
