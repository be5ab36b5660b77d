"""What the state is encrypted by, told from the files that the engine writes."""

import json
from pathlib import Path

import pytest
import yaml

from atoll.automation import custody, sealing, surroundings
from atoll.core.errors import IntegrityError, RefusedError
from atoll.platform.inventory import Kms
from atoll.secrets.local import seat
from harness.processes import Told, bare

URL = "awskms://alias/atoll-e?region=us-east-1&context_environment=e"


@pytest.fixture
def environment(tmp_path, monkeypatch):
    return bare(tmp_path, monkeypatch)


def state_under(environment, providers):
    path = environment.state / ".pulumi" / "stacks" / "atoll" / "e.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"checkpoint": {"latest": {"secrets_providers": providers}}}))


def file_under(environment, **settings):
    environment.stack_settings.write_text(yaml.safe_dump(settings))


CLOUD = {"type": "cloud", "state": {"url": URL, "encryptedkey": "x"}}
OLD = {"type": "passphrase", "state": {"salt": "v1:x"}}


class Engine:
    """Stands for the engine: notes what it was asked, and writes what it would write."""

    def __init__(self, environment, wrote=CLOUD):
        self.environment, self.wrote, self.asked = environment, wrote, []

    def encrypt_by(self, url):
        self.asked.append(url)
        file_under(self.environment, secretsprovider=url, encryptedkey="x")
        state_under(self.environment, self.wrote)


def test_the_provider_is_told_from_state_and_stack_file(environment):
    assert (sealing.provider(environment), sealing.declared(environment)) == (None, None)
    assert sealing.is_under(environment, URL)
    state_under(environment, OLD)
    file_under(environment, encryptionsalt="v1:x")
    assert (sealing.provider(environment), sealing.declared(environment)) == ("passphrase", "passphrase")
    state_under(environment, CLOUD)
    assert not sealing.is_under(environment, URL)
    file_under(environment, secretsprovider=URL, encryptedkey="x")
    assert sealing.is_under(environment, URL)
    environment.stack_settings.unlink()
    assert sealing.is_under(environment, URL)


@pytest.mark.parametrize("half", ["nothing", "file"])
def test_a_passphrase_goes_once_the_state_is_seen_under_the_key(environment, half):
    environment.passphrase.write_text("secret")
    state_under(environment, OLD)
    file_under(environment, **({"secretsprovider": URL} if half == "file" else {"encryptionsalt": "v1:x"}))
    (environment.state / ".pulumi" / "backups" / "atoll" / "e").mkdir(parents=True)
    (environment.state / ".pulumi" / "backups" / "atoll" / "e" / "e.1.json").touch()
    engine, told = Engine(environment), Told()

    sealing.migrate(environment, engine.encrypt_by, URL, told)
    sealing.migrate(environment, engine.encrypt_by, URL, told)

    assert engine.asked == [URL]
    assert not environment.passphrase.exists()
    assert len(told.lines) == 1
    assert "1 older copies of it stay under the passphrase" in told.lines[0]


def test_a_passphrase_stays_where_the_state_is_still_under_it(environment):
    environment.passphrase.write_text("secret")
    state_under(environment, OLD)

    with pytest.raises(IntegrityError, match="found its state still under passphrase; expected awskms"):
        sealing.migrate(environment, Engine(environment, OLD).encrypt_by, URL, Told())
    assert environment.passphrase.read_text() == "secret"


def test_a_passphrase_stays_where_nobody_can_tell_what_the_state_is_under(environment):
    environment.passphrase.write_text("secret")
    state_under(environment, OLD)
    sealing.kept(environment).write_text('{"checkpoint": {"lat')
    file_under(environment, secretsprovider=URL)

    sealing.migrate(environment, Engine(environment).encrypt_by, URL, Told())

    assert environment.passphrase.exists()


def test_a_state_under_the_key_of_another_kms_is_refused(environment):
    state_under(environment, {"type": "cloud", "state": {"url": "awskms://alias/other?region=eu-central-1"}})

    with pytest.raises(RefusedError, match="alias/other"):
        sealing.migrate(environment, Engine(environment).encrypt_by, URL, Told())


def test_a_state_without_its_keys_is_told_before_anything_starts(environment):
    state_under(environment, CLOUD)
    taken = seat.seat(environment)

    with pytest.raises(
        IntegrityError, match=r"keys.json: found none; expected the key that the state is encrypted by"
    ):
        sealing.refuse_lost(environment)

    taken.keys.write_text("{}")
    sealing.refuse_lost(environment)
    with pytest.raises(IntegrityError):
        custody.programs(environment, Kms())


def test_a_provider_names_the_key_its_region_and_one_context_but_no_endpoint(environment):
    elsewhere = Kms("aws", "arn:aws:kms:eu-central-1:1:key/k", "eu-central-1", "https://kms.test")

    assert custody.url(environment, Kms()) == URL
    assert custody.url(environment, elsewhere) == (
        "awskms:///arn:aws:kms:eu-central-1:1:key/k?region=eu-central-1&context_environment=e"
    )


def test_the_engine_of_a_local_kms_sees_no_login_of_the_callers_and_no_secret_in_a_variable(environment):
    outside = {"AWS_ACCESS_KEY_ID": "AKIAREAL", "AWS_PROFILE": "prod", "AWS_ENDPOINT_URL_STS": "https://real"}
    found = custody.variables(environment, Kms(), outside)
    taken = seat.seat(environment)

    inside = surroundings.inside(
        environment, outside, surroundings.own(environment, plugins_downloaded=False, keys=found)
    )

    assert not {"AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_ENDPOINT_URL_STS"} & set(inside)
    assert inside["AWS_ENDPOINT_URL"] == inside["AWS_ENDPOINT_URL_KMS"] == taken.endpoint
    assert Path(inside["AWS_SHARED_CREDENTIALS_FILE"]) == taken.credentials
    assert not [name for name, value in inside.items() if taken.login()[1] in value]
    assert "PULUMI_CONFIG_PASSPHRASE_FILE" not in inside
    environment.passphrase.write_text("secret")
    assert "PULUMI_CONFIG_PASSPHRASE_FILE" in custody.variables(environment, Kms(), outside)


def test_the_engine_of_a_kms_elsewhere_has_the_callers_login(environment):
    outside = {"AWS_ACCESS_KEY_ID": "AKIAREAL", "AWS_REGION": "mars", "HOME": "/root"}
    found = custody.variables(environment, Kms("aws", "alias/a", "eu-central-1", "https://kms.test"), outside)

    assert found == {
        "AWS_ACCESS_KEY_ID": "AKIAREAL",
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL_KMS": "https://kms.test",
    }
