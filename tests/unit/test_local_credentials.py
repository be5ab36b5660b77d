"""What a local cluster keeps to prove who is who, and how it stays valid over the years."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from atoll.cluster.local import credentials, programs
from atoll.cluster.local.seat import PORTS, SUBJECTS, Seat
from atoll.core import lifetimes, x509
from atoll.core.errors import IntegrityError
from atoll.core.x509 import Pair, Subject, Validity
from atoll.host import certificates

FEW = {name: SUBJECTS[name] for name in ("etcd", "admin", "kube-controller-manager")}
NOW = datetime(2030, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def _seat(folder):
    return Seat("lagoon", folder, {purpose: 20000 + index for index, purpose in enumerate(PORTS)}, {})


def _contents(seat):
    return {path.name: path.read_bytes() for path in (seat.folder / "pki").iterdir()}


def _changed(before, after):
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


@pytest.fixture
def small(tmp_path):
    seat = _seat(tmp_path)
    credentials.ensure(seat, FEW, ("secrets",), NOW)
    return seat


def test_credentials_that_fit_are_taken_up(small):
    before = _contents(small)
    credentials.ensure(small, FEW, ("secrets",), NOW + DAY)
    assert _contents(small) == before
    assert certificates.outdated(small.folder / "pki", FEW, NOW + DAY) == []


def test_a_certificate_near_its_end_is_renewed_alone_and_nothing_is_restarted_for_it(small):
    pki = small.folder / "pki"
    issuer = Pair((pki / "ca.crt").read_bytes(), (pki / "ca.key").read_bytes())
    older = x509.leaf(issuer, FEW["etcd"], now=NOW - 250 * DAY)
    (pki / "etcd.crt").write_bytes(older.certificate)
    (pki / "etcd.key").write_bytes(older.key)
    before = _contents(small)
    assert certificates.outdated(pki, FEW, NOW) == ["etcd"]

    credentials.ensure(small, FEW, ("secrets",), NOW)

    assert _changed(before, _contents(small)) == {"etcd.crt", "etcd.key"}
    assert certificates.outdated(pki, FEW, NOW) == []


def test_a_process_reads_its_renewed_certificate_from_the_same_kubeconfig(small):
    before = _contents(small)
    credentials.ensure(small, FEW, ("secrets",), NOW + 300 * DAY)
    changed = _changed(before, _contents(small))

    assert {"kube-controller-manager.crt", "admin.crt", "admin.kubeconfig"} <= changed
    assert "kube-controller-manager.kubeconfig" not in changed
    assert credentials.LATE not in changed
    user = yaml.safe_load((small.folder / "pki" / "kube-controller-manager.kubeconfig").read_text())["users"][
        0
    ]
    assert Path(user["user"]["client-certificate"]).exists()
    assert credentials.admin(small).certificate == (small.folder / "pki" / "admin.crt").read_bytes()


def test_what_was_renewed_too_late_to_be_noticed_restarts_everything(small):
    for late in (timedelta(minutes=50), -DAY):
        before = _contents(small)
        end = certificates.validities(small.folder / "pki")["etcd"].end
        credentials.ensure(small, FEW, ("secrets",), end - late)
        assert credentials.LATE in _changed(before, _contents(small))


def test_half_of_a_pair_is_made_whole_again(small):
    pki = small.folder / "pki"
    halves = {name: (pki / name).read_bytes() for name in ("etcd.crt", "etcd.key")}
    other = x509.leaf(
        Pair((pki / "ca.crt").read_bytes(), (pki / "ca.key").read_bytes()), FEW["etcd"], now=NOW
    )
    # Lost, damaged, and as a run leaves it that was killed between the two.
    damages = [None, b"", b"garbage", {"etcd.crt": other.certificate, "etcd.key": other.key}]
    for name in halves:
        for damage in damages:
            content = damage[name] if isinstance(damage, dict) else damage
            (pki / name).unlink() if content is None else (pki / name).write_bytes(content)
            assert certificates.outdated(pki, FEW, NOW) == ["etcd"], (name, damage)
            credentials.ensure(small, FEW, ("secrets",), NOW)
            assert certificates.outdated(pki, FEW, NOW) == []


def test_a_new_authority_makes_everything_under_it_anew(small):
    before = _contents(small)
    # As a run leaves it that was killed between the authority's key and its certificate.
    (small.folder / "pki" / "ca.crt").unlink()
    credentials.ensure(small, FEW, ("secrets",), NOW + DAY)
    after = _contents(small)
    same = {name for name in after if after[name] == before.get(name)}
    # All processes read the new authority at their start: that alone restarts them.
    assert same == {"service-account.key", "service-account.pub", "encryption.yaml", credentials.LATE}


def test_a_subject_that_changed_gets_a_new_certificate(small):
    changed = {**FEW, "etcd": Subject("etcd", hosts=("127.0.0.1",))}
    assert certificates.outdated(small.folder / "pki", changed, NOW) == ["etcd"]


def test_an_authority_near_its_end_is_renewed_and_what_it_signed_stays_valid(small):
    pki, before = small.folder / "pki", _contents(small)
    later = NOW + x509.AUTHORITY_LIFE * 0.67
    old = Pair(before["ca.crt"], before["ca.key"])
    assert certificates.outdated(pki, {}, later) == ["ca"]

    credentials.ensure(small, FEW, ("secrets",), later)

    after = _contents(small)
    new = Pair(after["ca.crt"], after["ca.key"])
    assert new.key == old.key
    assert Validity.of(new.certificate).end > later + 9 * 365 * DAY
    # Whoever trusts only one of the two believes the leafs of both.
    assert x509.fits(Pair(after["etcd.crt"], after["etcd.key"]), old, FEW["etcd"], later)
    assert x509.fits(Pair(before["etcd.crt"], before["etcd.key"]), new, FEW["etcd"], NOW)
    assert credentials.admin(small).authority == new.certificate


def test_other_resources_are_encrypted_with_the_key_that_is_there(small):
    pki = small.folder / "pki"
    before = yaml.safe_load((pki / "encryption.yaml").read_text())["resources"][0]
    assert credentials.encrypts(pki, ("secrets",))
    assert not credentials.encrypts(pki, ("secrets", "configmaps"))

    credentials.ensure(small, FEW, ("secrets", "configmaps"), NOW)

    after = yaml.safe_load((pki / "encryption.yaml").read_text())["resources"][0]
    assert after == {**before, "resources": ["secrets", "configmaps"]}
    assert credentials.encrypts(pki, ("secrets", "configmaps"))


def test_the_keys_of_a_rotation_are_kept_as_they_are(small):
    path = small.folder / "pki" / "encryption.yaml"
    begun = credentials.at_rest(path.parent).begun(credentials.fresh_key(2))
    path.write_text(begun.text())
    assert credentials.encrypts(path.parent, ("secrets",))

    credentials.ensure(small, FEW, ("secrets",), NOW)
    assert path.read_text() == begun.text()
    credentials.ensure(small, FEW, ("secrets", "configmaps"), NOW)
    assert credentials.at_rest(path.parent).keys == begun.keys


@pytest.mark.parametrize("damage", ["", "[", "resources: []", "resources: [{providers: [{identity: {}}]}]"])
def test_a_lost_key_of_the_store_is_never_replaced(small, damage):
    path = small.folder / "pki" / "encryption.yaml"
    path.write_text(damage)
    with pytest.raises(
        IntegrityError, match=r"encryption.yaml: found no key in it; expected the one that the store"
    ):
        credentials.ensure(small, FEW, ("secrets",), NOW)
    assert path.read_text() == damage


def test_over_fifteen_years_of_runs_nothing_ever_ends_and_nothing_is_late(small):
    pki, renewals = small.folder / "pki", {"ca": 0, "etcd": 0}
    for run in range(15 * 6):
        now = NOW + 60 * DAY * run
        old = certificates.outdated(pki, {"etcd": FEW["etcd"]}, now)
        renewals |= {name: renewals[name] + 1 for name in old}
        if old:
            credentials.ensure(small, {"etcd": FEW["etcd"]}, ("secrets",), now)
        lives = certificates.validities(pki)
        assert all(lives[name].begin <= now < lives[name].end for name in renewals)
    # A leaf lives for a year and an authority for ten; each is renewed by the first run in its last third.
    assert renewals == {"ca": 2, "etcd": 17}
    assert (pki / credentials.LATE).read_text() == NOW.isoformat()


@settings(max_examples=200)
@given(st.timedeltas(timedelta(seconds=30), timedelta(days=4000)), st.floats(-1, 1))
def test_everything_that_ends_is_renewed_in_the_last_third_of_its_life(life, left):
    assert lifetimes.near_end(NOW + life * left, life, NOW) == (life * left < life / 3)


NAMES = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok")
MEMBER = programs.member(
    Seat(
        "lagoon",
        Path("/d"),
        dict.fromkeys((*PORTS, "kube-scheduler", "kwok"), 1),
        dict.fromkeys(NAMES, Path("/t")),
    )
)


@pytest.mark.parametrize("program", MEMBER, ids=NAMES)
def test_a_program_is_restarted_for_its_authority_and_never_for_its_own_certificate(program):
    read = {Path(path).name for path in programs.read_once(program)}
    assert not {name for name in read if name.endswith(".crt")} - {"ca.crt"}
    if "apiserver" in program.name:
        assert {"ca.crt", "service-account.key", "service-account.pub"} <= read
        # It notices another key of the store, and a rotation restarts nothing.
        assert "encryption.yaml" not in read
