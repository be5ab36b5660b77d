"""Every URN of every environment stands in `urns`: a changed line is a replacement and must be deliberate."""

from pathlib import Path

import pytest

from harness import environments, golden

_URNS = Path(__file__).parent / "urns"


@pytest.mark.parametrize("name", environments.NAMES)
def test_every_urn_is_in_the_ledger(name):
    urns = sorted(environments.recorded(name).resources)

    golden.compare(_URNS / f"{name}.txt", "".join(f"{urn}\n" for urn in urns))


def test_the_ledger_has_no_environment_that_is_gone():
    assert {path.stem for path in _URNS.iterdir()} == set(environments.NAMES)
