"""What every environment writes onto its control plane, as manifests."""

from pathlib import Path

import pytest
import yaml

from atoll.testing import plain
from harness import environments, golden

_FOLDER = Path(__file__).parent / "environments"


def _manifests(name):
    for each in environments.recorded(name).resources.values():
        if each.component[0] == "Propagation" and each.type.startswith("kubernetes:"):
            yield each.urn, _whole(plain(each.inputs))


def _whole(value):
    """The protocol has floats alone; what is whole is written without a point."""
    if isinstance(value, dict):
        return {key: _whole(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_whole(child) for child in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


@pytest.mark.parametrize("name", environments.NAMES)
def test_what_an_environment_propagates(name):
    documents = [manifest for _, manifest in sorted(_manifests(name))]

    golden.compare(_FOLDER / f"{name}.yaml", yaml.safe_dump_all(documents, width=100))
