"""A secret that lies in plain is found, however it lies there, and what is public is none."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.automation import searching
from atoll.automation.searching import Betrayal
from atoll.core import x509
from atoll.host import Environment
from atoll.kubernetes import Kubeconfig
from atoll.secrets.local import keeping, seat
from atoll.secrets.local.keeping import StoredKey

AUTHORITY = x509.authority("a")
LEAF = x509.leaf(AUTHORITY, x509.Subject("admin"))
values = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=searching.SHORTEST, max_size=80)


@given(values, st.binary(max_size=40), st.binary(max_size=40), st.sampled_from(["plain", "base64"]))
def test_a_secret_is_found_among_anything_as_it_is_and_in_base64(value, before, after, how):
    text = before + value.encode() + after
    haystack = text if how == "plain" else base64.b64encode(text)

    assert Betrayal("it", "there") in searching.betrayals(
        {"it": value}, [("here", b"x"), ("there", haystack)]
    )


def test_what_is_secret_of_a_kubeconfig_is_its_key_and_its_token_alone():
    token = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJlcm5ldGVzIn0.c2lnbmF0dXJlLXRoYXQtaXMtbG9uZy1lbm91Z2g"
    text = Kubeconfig("https://a", AUTHORITY.certificate, LEAF.certificate, LEAF.key, token).text()

    found = searching.of_values([("access", json.dumps({"kubeconfig": text}))])

    assert len(found) == 2
    assert searching.betrayals(found, [("key", LEAF.key)])
    assert searching.betrayals(found, [("token", f"Bearer {token}".encode())])
    assert searching.betrayals(found, [("kubeconfig", text.encode())])
    public = [AUTHORITY.certificate, LEAF.certificate, token.rsplit(".", 1)[0].encode(), b"https://a"]
    assert searching.betrayals(found, [("public", part) for part in public]) == []


def test_values_of_any_shape_are_searched_for_and_short_or_public_ones_are_not():
    certificate = AUTHORITY.certificate.decode()
    values = {"a": ["short", "long enough to be one"], "b": certificate, "c": 7, "d": None}
    # As the data of a Secret is.
    values |= {
        "e": [base64.b64encode(each.encode()).decode() for each in (certificate, "another one of these")]
    }

    found = searching.of_values([("x", json.dumps(values))])

    assert set(found.values()) == {"long enough to be one", "another one of these"}
    assert searching.betrayals(found, [("data", json.dumps(values["e"]).encode())])


@pytest.fixture
def environment(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks" / "e.yaml").write_text("controlPlane: {driver: local}\n")
    made = Environment(tmp_path, "e", tmp_path / "e")
    made.create()
    material = base64.b64encode(bytes(range(32))).decode()
    keeping.write(seat.seat(made).keys, [StoredKey("k", material, 1.0, "Enabled", "{}")])
    pki = made.clusters / "reef" / "pki"
    pki.mkdir(parents=True)
    (pki / "admin.key").write_bytes(LEAF.key)
    (pki / "encryption.yaml").write_text(
        '{"resources": [{"providers": [{"secretbox": {"keys": [{"secret": "c2VjcmV0Ym94LWtleS1vZi0zMi1ieXRlcyE="}]}}, {"identity": {}}]}]}'
    )
    return made


def test_every_key_of_the_disk_is_searched_for_and_its_own_file_betrays_nothing(environment):
    found = searching.of_disk(environment)

    assert set(found) == {"KMS key k", "KMS login", "reef/pki/admin.key", "reef encryption at rest, key 0"}
    assert searching.betrayals(found, searching.places(environment)) == []


def test_each_of_them_is_found_in_each_place(environment):
    found = searching.of_disk(environment)
    state = environment.state / "state.json"
    stack = environment.project / "stacks" / "Pulumi.e.yaml"
    for path in (environment.logs / "a.log", state, environment.folder / "left.tmp", stack):
        for what, value in found.items():
            path.write_bytes(b"\0 said: " + base64.b64encode(f"x{value}".encode()) + b"\0\0")

            assert searching.betrayals(found, searching.places(environment)) == [Betrayal(what, str(path))]
        path.unlink()
