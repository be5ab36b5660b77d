"""A copy of the stacks that a test may edit."""

import pytest

from harness import environments


@pytest.fixture
def edited(tmp_path):
    """Builds an environment after a change to its file: the change gets the file's values."""
    return lambda name, change: environments.built(environments.edited(tmp_path, name, change), name)
