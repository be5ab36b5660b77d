"""The keys that encrypt plane and members at rest are rotated while the environment is up."""

import pytest

from atoll.cluster.local import credentials, launch
from atoll.cluster.local.seat import PORTS
from e2e.looking import MEMBERS
from harness import stores

pytestmark = pytest.mark.timeout(300)
PLACES = ("control-plane", *MEMBERS)


def _seat(checkout, name):
    return launch.seat(checkout.environment("test"), name, PORTS, ())


def test_the_stores_of_plane_and_members_get_a_new_key_and_an_up_finds_nothing_to_do(up):
    checkout, _ = up
    seats = {name: _seat(checkout, name) for name in PLACES}
    before = {name: stores.encrypted_by(seat) for name, seat in seats.items()}
    keys = {name: credentials.at_rest(seat.folder / "pki").current for name, seat in seats.items()}
    works = checkout.api("test", "control-plane").items("work.karmada.io/v1alpha1", "Work")

    report = checkout.report("secrets", "rotate-at-rest", "test")

    (new,) = {each["key"] for each in report["clusters"]}
    assert {each["cluster"] for each in report["clusters"]} == set(PLACES)
    assert new not in {key.name for key in keys.values()}
    for name, seat in seats.items():
        # A member may hold no Secret.
        assert set(before[name]) <= {keys[name].name}
        assert stores.encrypted_by(seat)[new] == before[name].total()
        assert [key.name for key in credentials.at_rest(seat.folder / "pki").keys] == [new]
    assert len(works) > 3
    # With the plane's Secrets, Karmada's Works were encrypted anew.
    assert before["control-plane"].total() > len(works)
    assert checkout.report("up", "test")["changes"] == []
