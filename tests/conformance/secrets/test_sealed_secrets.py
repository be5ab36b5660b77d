"""Sealed secrets by the real engine against a real KMS endpoint: opened when they changed, and at no other time."""

import base64
import time

import pytest

from atoll.core.effect import Context as Telling
from atoll.secrets import kms
from atoll.secrets.envelope import WrappingKey
from atoll.secrets.message import Context
from atoll.secrets.sealed_effects import SealedSecret
from atoll.secrets.sops_forms import Form
from harness.kms import ANY, Fault

_LOGIN = "atoll-tests"
_PASSWORD = "correct horse battery staple"
_PLAIN_FILES = {
    Form.YAML: f"password: {_PASSWORD}\nport: 5432\n",
    Form.JSON: f'{{"password": "{_PASSWORD}", "port": 5432}}',
    Form.DOTENV: f"password={_PASSWORD}\nport=5432\n",
}
_BODY = """
import pulumi
from atoll.secrets import SealedSecret, SealedSecretArgs

for name, values in {secrets!r}.items():
    args = SealedSecretArgs(project="atoll", environment="dev", key={key!r}, values=values)
    opened = SealedSecret(name, args)
    pulumi.export(name, opened.data)
    pulumi.export(name + "-revision", opened.revision)
"""

_GENERATED = """
import pulumi
from atoll.secrets import SealedSecret, SealedSecretArgs

args = SealedSecretArgs(project="atoll", environment="dev", key="alias/none", generated={lengths!r})
pulumi.export("db", SealedSecret("db", args).data)
"""


class _Secrets:
    """A program of sealed secrets, under a key of its own."""

    def __init__(self, program, key, alias):
        self.program, self.key, self.alias = program, key, f"alias/{alias}"

    def seal(self, plain, *, environment="dev", name="db"):
        """Sealed values by their keys."""
        return {
            each: self.key.seal_text(Context("atoll", environment, f"{name}/{each}"), value.encode())
            for each, value in plain.items()
        }

    def declare(self, *, by_alias=False, **secrets):
        """Makes these the program."""
        key = self.alias if by_alias else self.key.arn
        return self.program.write(_BODY.format(secrets=secrets, key=key))


@pytest.fixture
def secrets(program, client, moto, alias):
    arn = client.create_key()["KeyMetadata"]["Arn"]
    client.create_alias(AliasName=f"alias/{alias}", TargetKeyId=arn)
    access = kms.Access("us-east-1", f"http://127.0.0.1:{moto}", "somebody", "else")
    return _Secrets(program, WrappingKey(access, arn), alias)


def _data(**plain):
    return {key: base64.b64encode(value.encode()).decode() for key, value in plain.items()}


def test_values_are_opened_once_each_and_then_no_more(secrets, proxy):
    told = secrets.seal({"password": _PASSWORD, "user": "ada"})

    assert secrets.declare(db=told).deploy().ops == {"db": "create"}

    assert proxy.asked == ["Decrypt", "Decrypt"]
    assert secrets.program.outputs()["db"] == _data(password=_PASSWORD, user="ada")
    proxy.asked.clear()
    assert secrets.program.deploy().ops == {}
    assert secrets.program.deploy("--refresh").ops == {}
    assert secrets.program.refresh().succeeded().ops == {}
    assert proxy.asked == []


def test_what_is_made_is_made_once_and_lies_in_the_state_encrypted(program, proxy):
    def declare(**lengths):
        return program.write(_GENERATED.format(lengths=lengths))

    assert declare(password=32).deploy().ops == {"db": "create"}
    first = program.outputs()["db"]
    assert len(base64.b64decode(first["password"])) == 32
    assert program.deploy("--refresh").ops == {}
    assert declare(password=32, token=16).deploy().ops == {"db": "update"}
    both = program.outputs()["db"]

    assert both["password"] == first["password"]
    assert both.keys() == {"password", "token"}
    assert proxy.asked == []
    state = program.state_text()
    assert not [each for each in both.values() if each in state or base64.b64decode(each).decode() in state]


def test_a_changed_value_is_previewed_without_a_call_and_opened_by_one(secrets, proxy):
    told = secrets.seal({"password": _PASSWORD, "user": "ada"})
    mail = secrets.seal({"token": "t"}, name="mail")
    secrets.declare(db=told, mail=mail).up().succeeded()
    before = secrets.program.outputs()
    proxy.asked.clear()
    secrets.declare(db={**told, **secrets.seal({"password": "new"})}, mail=mail)

    assert secrets.program.preview().succeeded().ops == {"db": "update"}
    assert proxy.asked == []
    assert secrets.program.up().succeeded().ops == {"db": "update"}

    assert proxy.asked == ["Decrypt"]
    after = secrets.program.outputs()
    assert after["db"] == _data(password="new", user="ada")
    assert after["db-revision"] != before["db-revision"]
    assert (after["mail"], after["mail-revision"]) == (before["mail"], before["mail-revision"])


def test_a_value_sealed_anew_keeps_its_revision(secrets):
    secrets.declare(db=secrets.seal({"password": _PASSWORD})).up().succeeded()
    before = secrets.program.outputs()

    assert secrets.declare(db=secrets.seal({"password": _PASSWORD})).deploy().ops == {"db": "update"}

    assert secrets.program.outputs() == before


def test_what_it_holds_is_encrypted_in_the_state_and_said_nowhere(secrets):
    run = secrets.declare(db=secrets.seal({"password": _PASSWORD})).up("--diff").succeeded()
    again = secrets.declare(db=secrets.seal({"password": f"{_PASSWORD}s"})).up("--diff").succeeded()

    texts = [run.text, again.text, secrets.program.state_text(), str(secrets.program.state())]
    for shift in range(3):
        hidden = base64.b64encode(b"\0" * shift + _PASSWORD.encode()).decode()[4:28]
        assert not [text for text in texts if hidden in text]
    assert not [text for text in texts if _PASSWORD in text]
    # The same look finds what is shown on purpose.
    assert _data(password=f"{_PASSWORD}s")["password"] in str(secrets.program.outputs())


@pytest.mark.parametrize("moved", [{"environment": "prod"}, {"name": "mail"}])
def test_a_ciphertext_from_elsewhere_is_refused_by_the_preview(secrets, proxy, moved):
    secrets.declare(db=secrets.seal({"user": "ada"})).up().succeeded()
    held = secrets.program.outputs()
    proxy.asked.clear()

    line = secrets.declare(db=secrets.seal({"user": "eve"}, **moved)).preview().refused()

    assert "values.user: found a value sealed for atoll/" in line
    assert "expected one for atoll/dev/db/user (it cannot be moved)" in line
    assert secrets.program.up().code != 0
    assert (proxy.asked, secrets.program.outputs()) == ([], held)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Fault("Decrypt", "AccessDeniedException"), "expected to be allowed to use it"),
        (Fault("Decrypt", "DisabledException"), "expected an enabled key"),
        (Fault("Decrypt", "KMSInvalidStateException"), "expected a key in use"),
        (Fault("Decrypt", "ThrottlingException"), "expected fewer calls at once"),
        (Fault(ANY), "expected a KMS that answers"),
    ],
    ids=lambda value: value.code or "cut" if isinstance(value, Fault) else "",
)
def test_a_kms_that_does_not_open_it_is_told_in_one_line_and_nothing_changes(secrets, proxy, fault, told):
    before = secrets.seal({"user": "ada"})
    secrets.declare(db=before).up().succeeded()
    held = secrets.program.outputs()
    secrets.declare(db=secrets.seal({"user": "eve"}))

    with proxy.failing(fault):
        assert told in secrets.program.up().refused()

    assert secrets.program.outputs() == held
    assert secrets.program.state()["db"]["inputs"]["values"] == before
    assert secrets.program.up().succeeded().ops == {"db": "update"}


def test_a_secret_that_could_not_be_opened_at_first_is_made_by_the_next_run(secrets, proxy):
    secrets.declare(db=secrets.seal({"user": "ada"}))

    with proxy.failing(Fault("Decrypt", "AccessDeniedException")):
        secrets.program.up().refused()

    assert secrets.program.up().succeeded().ops == {"db": "create"}


def test_five_hundred_changed_values_take_one_call_each_and_no_more(secrets, proxy):
    plain = {f"v{number}": str(number) for number in range(50)}
    first, second = (
        {f"s{number}": secrets.seal(plain, name=f"s{number}") for number in range(10)} for _ in range(2)
    )
    secrets.declare(by_alias=True, **first).up().succeeded()
    proxy.asked.clear()
    changed = {
        name: secrets.seal({key: f"{value}!" for key, value in plain.items()}, name=name) for name in second
    }

    begin = time.monotonic()
    secrets.declare(by_alias=True, **changed).up().succeeded()

    assert proxy.asked.count("Decrypt") == 500
    assert len(proxy.asked) <= 516
    assert time.monotonic() - begin < 60
    assert secrets.program.outputs()["s9"] == _data(**{key: f"{value}!" for key, value in plain.items()})


@pytest.mark.parametrize(("form", "text"), _PLAIN_FILES.items(), ids=str)
def test_a_file_of_the_real_sops_becomes_the_data_of_a_secret(sops, monkeypatch, form, text):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", _LOGIN)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", _LOGIN)
    encrypted, effect = sops.encrypted(text, form), SealedSecret()
    identity = {"project": "atoll", "environment": "dev", "name": "db"}
    where = {"key": sops.arn, "region": sops.access.region, "endpoint": sops.access.endpoint}
    inputs = {**identity, **where, "sops": {"text": encrypted, "form": str(form)}}

    assert not effect.check(inputs)
    assert effect.create("db", inputs, Telling()).outputs["data"] == _data(password=_PASSWORD, port="5432")
    assert effect.check({**inputs, "sops": {"text": text, "form": str(form)}})


def test_a_file_that_sops_bound_to_another_environment_is_refused_without_a_call(sops):
    bound = {"project": "atoll", "environment": "prod", "name": "db"}
    groups = [{"kms": [{"arn": sops.arn, "context": bound}]}]
    text = sops.encrypted(_PLAIN_FILES[Form.YAML], Form.YAML, key_groups=groups)

    inputs = {**bound, "environment": "dev", "key": sops.arn, "sops": {"text": text, "form": "yaml"}}

    (failure,) = SealedSecret().check(inputs)
    assert failure.reason == "found a file for the environment 'prod'; expected 'dev' (it cannot be moved)"
