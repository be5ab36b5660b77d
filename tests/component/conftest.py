"""A copy of the stacks that a test may edit."""

import shutil

import pytest
import yaml

from harness import environments


@pytest.fixture
def edited(tmp_path):
    """Builds an environment after a change to its file: the change gets the file's values."""

    def build(name, change):
        stacks = tmp_path / "stacks"
        shutil.copytree(environments.STACKS, stacks)
        charts = tmp_path / "charts"
        if not charts.exists():
            charts.symlink_to(environments.STACKS.parent / "charts")
        path = stacks / f"{name}.yaml"
        values = yaml.safe_load(path.read_text())
        change(values)
        path.write_text(yaml.safe_dump(values, sort_keys=False))
        return environments.built(stacks, name)

    return build
