"""What Karmada's chart is given: an identity that is kept, and values that are highly available."""

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509 as certificates

from atoll.core import x509
from atoll.federation.chart import identity
from atoll.federation.chart.values import Settings, chart_values

_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_SUBJECT = identity.subject("https://karmada.example.com:5443", "planes")


@pytest.fixture(scope="module")
def made():
    return identity.made(_SUBJECT, None, _NOW)


def _stored(found):
    return {name: base64.b64encode(pem).decode() for name, pem in found.data().items()}


def _names(pair):
    read = certificates.load_pem_x509_certificate(pair.certificate)
    names = read.extensions.get_extension_for_class(certificates.SubjectAlternativeName).value
    return {str(name.value) for name in names}


def test_an_identity_that_fits_is_kept_as_the_cluster_has_it(made):
    again = identity.made(_SUBJECT, identity.read(_stored(made)), _NOW + timedelta(days=1))

    assert again.data() == made.data()


def test_the_plane_is_known_by_its_address_and_by_its_services(made):
    assert {
        "karmada.example.com",
        "*.planes.svc",
        "*.planes.svc.cluster.local",
        "*.karmada-system.svc",
        "*.etcd.planes.svc.cluster.local",
    } <= _names(made.plane)


def test_another_address_is_another_certificate_of_the_same_authority_and_key(made):
    moved = identity.made(identity.subject("https://10.0.0.1", "planes"), made, _NOW)

    assert "10.0.0.1" in _names(moved.plane)
    assert moved.plane.certificate != made.plane.certificate
    assert moved.plane.key == made.plane.key
    assert moved.authority == made.authority


def test_certificates_near_their_end_are_made_anew(made):
    later = identity.made(_SUBJECT, made, _NOW + x509.LEAF_LIFE * 0.8)

    assert later.plane.certificate != made.plane.certificate
    assert later.front_proxy.certificate != made.front_proxy.certificate
    assert later.authority == made.authority


@pytest.mark.parametrize("lost", ["server-ca.key", "karmada.crt", "front-proxy-ca.crt"])
def test_without_a_part_of_it_there_is_none(made, lost):
    stored = _stored(made)
    del stored[lost]

    assert identity.read(stored) is None


def test_the_inventory_wins_over_all_but_the_certificates(made):
    settings = Settings("1.18.2", values={"webhook": {"replicaCount": 7}, "certs": {"mode": "auto"}})
    found = chart_values(settings, made)

    assert found["webhook"]["replicaCount"] == 7
    assert found["webhook"]["image"]["tag"] == "v1.18.2"
    assert found["certs"]["mode"] == "custom"
    assert found["certs"]["custom"]["caKey"].encode() == made.authority.key


def test_other_certificates_start_the_programs_anew(made):
    other = replace(made, plane=x509.leaf(made.authority, _SUBJECT, now=_NOW, key_pem=made.plane.key))
    first, second = (chart_values(Settings("1.18.2"), each)["apiServer"] for each in (made, other))

    assert first["podAnnotations"] != second["podAnnotations"]
    assert {**first, "podAnnotations": 0} == {**second, "podAnnotations": 0}
