import stat
from pathlib import Path

import pytest

from atoll.automation import custody
from atoll.core import endpoints
from atoll.host import Environment
from atoll.platform import Inventory
from atoll.platform.inventory import ControlPlane, Kms
from atoll.secrets.local import seat


def inventory(kms: Kms) -> Inventory:
    return Inventory("e", Path(), ControlPlane("local"), {}, {}, {}, kms)


@pytest.fixture
def environment(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    made = Environment(tmp_path, "e", tmp_path / "e")
    made.create()
    return made


def test_a_local_kms_has_a_key_named_by_its_environment_and_a_login_of_its_own(environment):
    kept = custody.of(environment, inventory(Kms()))

    again = custody.of(environment, inventory(Kms()))

    assert kept == again
    assert kept.key == "alias/atoll-e"
    taken = seat.seat(environment)
    access_key, secret_key = taken.login()
    assert kept.access.endpoint == taken.endpoint == f"http://127.0.0.1:{taken.port}"
    assert (kept.access.access_key, kept.access.secret_key) == (access_key, secret_key)
    assert (len(access_key), len(secret_key)) == (20, 40)
    assert not access_key.startswith("AKIA")
    login = taken.credentials
    assert stat.S_IMODE(login.stat().st_mode) == 0o600
    assert stat.S_IMODE(login.parent.stat().st_mode) == 0o700


def test_a_kms_elsewhere_is_as_declared_and_nothing_is_kept_of_it_here(environment):
    kept = custody.of(environment, inventory(Kms("aws", "alias/mine", "eu-central-1", "https://kms.test")))

    assert kept.key == "alias/mine"
    assert (kept.access.region, kept.access.endpoint) == ("eu-central-1", "https://kms.test")
    assert kept.access.access_key is None
    assert not seat.exists(environment)


def test_an_address_of_the_callers_is_that_of_the_service_before_that_of_all():
    assert endpoints.named("kms", {}) is None
    assert (
        endpoints.named("kms", {"AWS_ENDPOINT_URL": "http://all", "AWS_ENDPOINT_URL_S3": "http://s3"})
        == "http://all"
    )
    assert (
        endpoints.named("s3", {"AWS_ENDPOINT_URL": "http://all", "AWS_ENDPOINT_URL_S3": "http://s3"})
        == "http://s3"
    )
    assert endpoints.named("s3", {"AWS_ENDPOINT_URL": ""}) is None
