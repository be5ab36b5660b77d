"""The graphs of the environments, as Mermaid and as SVG."""

from pathlib import Path

import pytest

from atoll.platform.graph import graph
from atoll.platform.loading import load_with_tree
from atoll.platform.mermaid import mermaid
from atoll.platform.svg import svg
from harness import environments, golden

_FOLDER = Path(__file__).parent / "graphs"


@pytest.mark.parametrize("name", environments.NAMES)
def test_what_an_environment_looks_like(name):
    drawn = graph(*load_with_tree(environments.STACKS, name))

    golden.compare(_FOLDER / f"{name}.mmd", mermaid(drawn))
    golden.compare(_FOLDER / f"{name}.svg", svg(drawn, name))
