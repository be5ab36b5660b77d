"""A new data key for the state: what counts as done, told from what the engine wrote."""

import contextlib
import json
from pathlib import Path

import pytest
import yaml

from atoll.automation import custody, preparation, running, sealing, upkeep
from atoll.core.errors import Exit, IntegrityError, UnavailableError
from atoll.host import Environment
from atoll.platform import Inventory
from atoll.platform.inventory import ControlPlane, Kms
from harness.processes import Told, bare

SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}


class Engine:
    """Stands for the engine: writes a new data key, as many times as it should, and opens what it can."""

    def __init__(self, environment, *, works=True, opens=2):
        self.environment, self.works, self.opens, self.keys = environment, works, opens, 0

    def encrypt_by(self, _listen, provider):
        self.keys += 1
        write(self.environment, provider, f"key {self.keys if self.works else 0}")

    def export(self, *, opened=False):
        closed = [
            {"outputs": {"a": {**SECRET, "ciphertext": "v1:x"}, "b": [{**SECRET, "ciphertext": "v1:y"}]}}
        ]
        return {"resources": closed if not opened else [{**SECRET, "plaintext": '"x"'}] * self.opens}


def write(environment, provider, key):
    path = sealing.kept(environment)
    path.parent.mkdir(parents=True, exist_ok=True)
    told = {"type": "cloud", "state": {"url": provider, "encryptedkey": key}}
    path.write_text(json.dumps({"checkpoint": {"latest": {"secrets_providers": told}}}))
    environment.stack_settings.write_text(yaml.safe_dump({"secretsprovider": provider, "encryptedkey": key}))


@pytest.fixture
def environment(tmp_path, monkeypatch):
    made = bare(tmp_path, monkeypatch)
    write(made, custody.url(made, Kms()), "key 0")
    inventory = Inventory("e", Path(), ControlPlane("local"), {}, {}, {})
    monkeypatch.setattr(running, "declared", lambda _environment: inventory)
    return made


@contextlib.contextmanager
def using(monkeypatch, engine):
    with monkeypatch.context() as patched:
        patched.setattr(preparation, "prepare", lambda *_, **__: preparation.Prepared(engine, {}))
        yield engine


def test_every_run_makes_a_new_data_key_and_counts_what_opens(environment, monkeypatch):
    told = Told()
    with using(monkeypatch, Engine(environment)) as engine:
        first, second = upkeep.rekey(environment, told), upkeep.rekey(environment, told)

    assert engine.keys == 2
    assert first == second
    assert (first.secrets, first.older, first.provider) == (2, 0, custody.url(environment, Kms()))
    assert sealing.data_keys(environment) == {"key 2"}
    assert "2 secrets of its state are encrypted by a new data key" in told.lines[0]


def test_a_data_key_that_is_the_old_one_is_no_success(environment, monkeypatch):
    with (
        using(monkeypatch, Engine(environment, works=False)),
        pytest.raises(IntegrityError, match="data key of before"),
    ):
        upkeep.rekey(environment, Told())


def test_a_secret_that_does_not_open_is_no_success(environment, monkeypatch):
    with (
        using(monkeypatch, Engine(environment, opens=1)),
        pytest.raises(IntegrityError, match="found 1 secrets that open; expected 2"),
    ):
        upkeep.rekey(environment, Told())


def test_an_environment_that_never_was_has_nothing_to_encrypt(tmp_path, monkeypatch):
    inventory = Inventory("e", Path(), ControlPlane("local"), {}, {}, {})
    monkeypatch.setattr(running, "declared", lambda _environment: inventory)

    with pytest.raises(UnavailableError, match="Run: atoll up e"):
        upkeep.rekey(Environment(tmp_path, "e", tmp_path / "e"), Told())


def test_a_secret_is_told_with_the_resource_that_has_it():
    resources = [
        {"urn": "urn:pulumi:e::atoll::T::reef-token", "outputs": {"a": [{**SECRET, "plaintext": '"x"'}]}}
    ]

    assert [owner for owner, _ in upkeep.secrets({"deployment": {"resources": resources}})] == ["reef-token"]


def test_a_check_opens_what_there_is_and_tells_what_lies_in_plain_somewhere(environment, monkeypatch):
    planted = environment.logs / "a.log"
    planted.write_text("said: a-value-nobody-may-see")
    for value, code, lies in (
        ("a-value-nobody-may-see", Exit.REFUSED, 1),
        ("a-value-nobody-saw-ever", Exit.DONE, 0),
    ):
        told, engine = Told(), Engine(environment)
        secret = {**SECRET, "plaintext": json.dumps(value)}
        monkeypatch.setattr(engine, "export", lambda secret=secret, **_: {"resources": [secret]})
        with using(monkeypatch, engine):
            report = upkeep.check(environment, told)

        assert report.code is code
        assert (report.opened, len(report.betrayals), len(told.problems)) == (1, lies, lies)
        assert [each.where for each in report.betrayals] == [str(planted)] * lies
        assert f"{lies} found in plain" in told.lines[-1]
