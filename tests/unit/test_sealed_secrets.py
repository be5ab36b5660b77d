"""A sealed secret is refused without a key where that can be seen, and opened only when it changed."""

import base64
import io
import json
import re
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from atoll.core.effect import Context as Telling
from atoll.core.effect import Seen
from atoll.core.errors import IntegrityError, RefusedError
from atoll.secrets import headers, kms, message, sealed, sealed_effects, sealed_files
from atoll.secrets.message import Context
from atoll.secrets.sealed_effects import SealedSecret
from atoll.secrets.sops import Reader
from harness import keys

EFFECT, QUIET = SealedSecret(), Telling()
PLAIN = {"user": b"ada", "password": b"correct horse battery staple"}


class _Kms:
    """A KMS in this process, a key of it, and every call that was made since it was last asked."""

    def __init__(self, access):
        self.key = keys.made(access)
        kms.client(access).create_alias(AliasName="alias/mine", TargetKeyId=self.key.arn)
        self._calls = []

    def heard(self, model, **_more):
        self._calls.append(model.name)

    def calls(self):
        found, self._calls = self._calls, []
        return sorted(found)

    def seal(self, plain, *, environment="dev", name="db", project="atoll", key=None):
        return {
            each: (key or self.key).seal_text(Context(project, environment, f"{name}/{each}"), value)
            for each, value in plain.items()
        }

    def inputs(self, values=None, **more):
        told = self.seal(PLAIN) if values is None else values
        identity = {"project": "atoll", "environment": "dev", "name": "db"}
        return {**identity, "key": self.key.arn, "region": keys.REGION, "values": told, **more}


@pytest.fixture(scope="module")
def _only():
    """One for all: a client of boto3 takes a third of a second to be made."""
    made = kms.client

    def listening(access, **more):
        client = made(access, **more)
        client.meta.events.register("before-call.kms.*", found.heard)
        return client

    with keys.played() as access, pytest.MonkeyPatch.context() as patch:
        found = _Kms(access)
        patch.setattr(kms, "client", listening)
        yield found


@pytest.fixture
def vault(_only):
    sealed_effects._behind.cache_clear()
    _only.calls()
    return _only


def _data(plain):
    return {key: base64.b64encode(value).decode() for key, value in sorted(plain.items())}


def test_what_is_opened_is_the_data_of_a_secret(vault):
    inputs = vault.inputs()
    vault.calls()

    outcome = EFFECT.create("db", inputs, QUIET)

    assert outcome.id == "db"
    assert outcome.outputs["data"] == _data(PLAIN)
    assert vault.calls() == ["Decrypt", "Decrypt"]
    assert not EFFECT.check(inputs)


def test_one_value_that_changes_is_one_call(vault):
    before = vault.inputs()
    outputs = EFFECT.create("db", before, QUIET).outputs
    password = vault.seal({"password": b"new"})
    vault.calls()

    after = EFFECT.update("db", vault.inputs({**before["values"], **password}), outputs, QUIET).outputs

    assert vault.calls() == ["Decrypt"]
    assert after["data"] == _data({**PLAIN, "password": b"new"})
    assert after["revision"] != outputs["revision"]


def test_nothing_is_asked_where_nothing_changed(vault):
    inputs = vault.inputs()
    outputs = EFFECT.create("db", inputs, QUIET).outputs
    wrapped = {key: f"{told[:40]}\n{told[40:]}" for key, told in inputs["values"].items()}
    vault.calls()

    assert EFFECT.update("db", vault.inputs(wrapped, key="alias/mine"), outputs, QUIET).outputs == outputs
    assert EFFECT.read("db", inputs, outputs, QUIET) == Seen(inputs, outputs)
    assert not EFFECT.check(inputs)
    assert EFFECT.stale(inputs, outputs) is None
    assert vault.calls() == []


def test_what_a_killed_run_had_begun_is_opened_by_the_next(vault):
    inputs = vault.inputs()
    whole = EFFECT.create("db", inputs, QUIET).outputs

    # The state knows no outputs of it, or not all of what it should.
    assert EFFECT.update("db", inputs, {}, QUIET).outputs == whole
    assert EFFECT.update("db", inputs, {**whole, "data": {}}, QUIET).outputs["data"] == whole["data"]


def test_a_value_that_is_gone_goes_without_a_call(vault):
    before = vault.inputs()
    outputs = EFFECT.create("db", before, QUIET).outputs
    vault.calls()

    after = EFFECT.update("db", vault.inputs({"user": before["values"]["user"]}), outputs, QUIET).outputs

    assert after["data"] == _data({"user": PLAIN["user"]})
    assert after["revision"] != outputs["revision"]
    assert vault.calls() == []


def test_what_was_sealed_anew_with_the_same_values_is_delivered_as_it_was(vault):
    outputs = EFFECT.create("db", vault.inputs(), QUIET).outputs
    again = vault.seal(PLAIN)

    after = EFFECT.update("db", vault.inputs(again), outputs, QUIET).outputs

    assert after["revision"] == outputs["revision"]
    assert after["sources"] != outputs["sources"]


def test_nothing_that_stands_open_is_made_of_the_plaintext(vault):
    one, other = (EFFECT.create("db", vault.inputs(), QUIET).outputs for _ in range(2))

    assert one["data"] == other["data"]
    assert one["revision"] != other["revision"]
    assert not set(one["sources"].values()) & set(other["sources"].values())
    assert EFFECT.secret_outputs == {"data"}


def test_an_alias_is_asked_about_once_for_many_secrets(vault, monkeypatch):
    monkeypatch.setattr(sealed_effects, "_ALIAS_SECONDS", 1e9)
    inputs = vault.inputs(key="alias/mine")
    vault.calls()

    for _ in range(3):
        assert EFFECT.create("db", inputs, QUIET).outputs["data"] == _data(PLAIN)

    assert vault.calls() == ["Decrypt"] * 6 + ["DescribeKey"]


def test_many_values_take_one_call_each(vault):
    plain = {f"v{number}": str(number).encode() for number in range(40)}
    inputs = vault.inputs(vault.seal(plain))
    vault.calls()

    outcome = EFFECT.create("db", inputs, QUIET)

    assert outcome.outputs["data"] == _data(plain)
    assert vault.calls() == ["Decrypt"] * 40


@pytest.mark.parametrize(
    ("moved", "from_where"),
    [
        ({"environment": "prod"}, "atoll/prod/db/user"),
        ({"name": "mail"}, "atoll/dev/mail/user"),
        ({"project": "other"}, "other/dev/db/user"),
    ],
)
def test_a_ciphertext_that_was_moved_is_refused_without_a_call(vault, moved, from_where):
    inputs = vault.inputs({**vault.seal(PLAIN), **vault.seal({"user": b"eve"}, **moved)})
    vault.calls()

    (failure,) = EFFECT.check(inputs)

    assert failure.name == "values.user"
    assert failure.reason == (
        f"found a value sealed for {from_where}; expected one for atoll/dev/db/user (it cannot be moved). Seal it anew"
    )
    assert vault.calls() == []
    with pytest.raises(IntegrityError):
        EFFECT.create("db", inputs, QUIET)


def test_two_values_of_one_secret_cannot_be_exchanged(vault):
    told = vault.seal(PLAIN)

    failures = EFFECT.check(vault.inputs({"user": told["password"], "password": told["user"]}))

    assert [failure.name for failure in failures] == ["values.user", "values.password"]


def test_everything_that_is_wrong_is_said_at_once_and_nothing_of_it_is_shown(vault):
    stranger = keys.made(vault.key.access)
    values = {
        "plain": "hunter2",
        "encoded": base64.b64encode(b"hunter2").decode(),
        "cut": vault.seal({"cut": b"x"})["cut"][:40],
        "a b": "hunter2",
        "end_": vault.seal({"x": b"x"})["x"],
        **vault.seal({"foreign": b"x"}, key=stranger),
        **vault.seal({"fine": b"x"}),
    }

    failures = EFFECT.check(vault.inputs(values))

    assert [failure.name for failure in failures] == [
        "values.plain",
        "values.encoded",
        "values.cut",
        "values",
        "values.end_",
        "values.foreign",
    ]
    assert all(";" in failure.reason and "\n" not in failure.reason for failure in failures)
    assert "hunter2" not in str(failures)
    assert EFFECT.check(vault.inputs({}))


def test_what_is_not_known_yet_is_checked_later(vault):
    known = vault.inputs()
    del known["key"]

    assert not EFFECT.check(known)
    assert not EFFECT.check({key: known[key] for key in ("name", "project")})


def test_a_ciphertext_that_was_changed_leaves_the_state_as_it_was(vault):
    told = vault.seal(PLAIN)
    sealed_text = bytearray(message.binary(told["user"]))
    sealed_text[-20] ^= 1
    inputs = vault.inputs({**told, "user": message.text(bytes(sealed_text))})

    assert not EFFECT.check(inputs)
    with pytest.raises(
        IntegrityError, match=r"^atoll/dev/db/user: found a message that does not open; expected"
    ):
        EFFECT.create("db", inputs, QUIET)


def test_a_value_under_another_key_is_not_opened_though_this_caller_could(vault):
    other = keys.made(vault.key.access)
    inputs = vault.inputs(vault.seal(PLAIN, key=other), key="alias/mine")

    with pytest.raises(IntegrityError):
        EFFECT.create("db", inputs, QUIET)


@pytest.fixture
def rotated(vault):
    """The key of an alias and the one before it, which retires."""
    client, old, new = kms.client(vault.key.access), *(keys.made(vault.key.access) for _ in range(2))
    client.create_alias(AliasName="alias/rotated", TargetKeyId=old.arn)
    # What a run before the rotation learnt is known for a minute.
    sealed_effects._behind(
        kms.Access.current(keys.REGION, None),
        "alias/rotated",
        int(time.monotonic() // sealed_effects._ALIAS_SECONDS),
    )
    client.tag_resource(KeyId=new.arn, Tags=[{"TagKey": "atoll.dev/retiring", "TagValue": old.arn}])
    client.update_alias(AliasName="alias/rotated", TargetKeyId=new.arn)
    yield old, new
    client.delete_alias(AliasName="alias/rotated")


@pytest.mark.parametrize("by_alias", [True, False])
def test_while_a_key_retires_values_under_both_are_opened(vault, rotated, by_alias):
    old, new = rotated
    told = {**vault.seal({"password": PLAIN["password"]}, key=old), **vault.seal({"user": b"eve"}, key=new)}
    more = {"key": "alias/rotated"} if by_alias else {"key": new.arn, "retiring": [old.arn]}
    inputs = vault.inputs(told, **more)

    assert not EFFECT.check(inputs)
    assert EFFECT.create("db", inputs, QUIET).outputs["data"] == _data({**PLAIN, "user": b"eve"})


@pytest.mark.parametrize("by_alias", [True, False])
def test_a_key_that_retired_opens_no_more(vault, rotated, by_alias):
    old, new = rotated
    kms.client(vault.key.access).untag_resource(KeyId=new.arn, TagKeys=["atoll.dev/retiring"])
    sealed_effects._behind.cache_clear()
    inputs = vault.inputs(vault.seal(PLAIN, key=old), key="alias/rotated" if by_alias else new.arn)

    if not by_alias:
        assert {failure.name for failure in EFFECT.check(inputs)} == {"values.password", "values.user"}
    with pytest.raises(IntegrityError):
        EFFECT.create("db", inputs, QUIET)


def test_an_alias_that_is_not_there_is_told(vault):
    with pytest.raises(kms.NoKeyError, match="alias/none"):
        EFFECT.create("db", vault.inputs(key="alias/none"), QUIET)


def test_more_than_a_secret_holds_is_refused(vault):
    plain = {"a": bytes(2**20), "b": b"x"}

    with pytest.raises(RefusedError, match="found 1048577 bytes; expected at most 1048576"):
        EFFECT.create("db", vault.inputs(vault.seal(plain)), QUIET)


def test_a_secret_of_another_name_is_another_one():
    assert EFFECT.replace_on == {"project", "environment", "name"}
    assert EFFECT.changes(frozenset({"key", "region"})) == frozenset()
    assert EFFECT.changes(frozenset({"values"})) == EFFECT.outputs
    assert EFFECT.read("db", {}, {}, QUIET) is None


def test_a_header_tells_context_and_key_and_no_header_is_an_error(vault):
    told = io.BytesIO()
    vault.key.seal(Context("atoll", "dev", "db/user"), io.BytesIO(b"x"), told)

    found = headers.read(told.getvalue())

    assert found == headers.Header(Context("atoll", "dev", "db/user"), (vault.key.arn,))
    for wrong in (b"", b"\2", b"hunter2", told.getvalue()[:60]):
        with pytest.raises(ValueError, match="not"):
            headers.read(wrong)


def test_the_digest_of_a_source_minds_no_line_ends():
    assert sealed.sources({"values": {"a": "QUJD\n"}}) == sealed.sources({"values": {"a": " QU JD"}})


GOLDEN = Path(__file__).parents[1] / "golden" / "sops"
DOTENV = (GOLDEN / "harbour.env").read_text()
ARN = re.search("sops_kms__list_0__map_arn=(.*)", DOTENV)[1]  # type: ignore[index] # it is in the file


def _file(text=DOTENV, form="dotenv", **more):
    identity = {"project": "atoll", "environment": "dev", "name": "db"}
    return {**identity, "key": ARN, "sops": {"text": text, "form": form}, **more}


@pytest.fixture
def answered(monkeypatch):
    """A KMS that gives the data key of a file of golden/sops; how often it was asked."""
    asked = []
    data_key = bytes.fromhex(json.loads((GOLDEN / "keys.json").read_text())["harbour.env"])

    def decrypt(**words):
        asked.append(words["KeyId"])
        return {"Plaintext": data_key}

    monkeypatch.setattr(kms, "client", lambda _access: SimpleNamespace(decrypt=decrypt))
    monkeypatch.setattr(sealed_effects, "_reader", Reader)
    return asked


def test_a_file_of_sops_is_opened_by_one_call_and_only_when_it_changed(answered):
    inputs = _file()

    outputs = EFFECT.create("db", inputs, QUIET).outputs

    assert outputs["data"] == _data({"TOKEN": b"s3cret", "LINES": b"one\ntwo"})
    assert EFFECT.update("db", inputs, outputs, QUIET).outputs == outputs
    assert not EFFECT.check(inputs)
    assert answered == [ARN]
    assert EFFECT.changes(frozenset({"sops"})) == EFFECT.outputs


def test_a_file_of_sops_that_was_changed_is_refused(answered):
    changed = re.sub("(TOKEN=.*data:)(.)", lambda found: found[1] + ("A" if found[2] != "A" else "B"), DOTENV)

    with pytest.raises(IntegrityError, match=r"^sealed secret db: found a file that does not open"):
        EFFECT.create("db", _file(changed), QUIET)
    assert answered == [ARN]


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        (_file("TOKEN=hunter2\n"), "found a file that sops did not encrypt"),
        (_file("[hunter2", "yaml"), "found a file that sops did not encrypt"),
        (
            _file(f"{DOTENV}sops_kms__list_0__map_context__map_environment=prod\n"),
            "a file for the environment 'prod'",
        ),
        (_file(DOTENV.replace("TOKEN", "TO KEN")), "found 'TO KEN'"),
        (_file((GOLDEN / "harbour.yaml").read_text(), "yaml", key="alias/a"), "found more below 'list'"),
        (_file(key=ARN[:-1]), f"found a file under {ARN}; expected one under {ARN[:-1]}"),
        (_file(values={"a": "b"}), "found both values and sops"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_without_a_call(inputs, told):
    failures = EFFECT.check(inputs)

    assert [failure.reason for failure in failures if told in failure.reason], failures
    assert "hunter2" not in str(failures)


def test_what_a_file_holds_is_text_in_a_secret():
    plain = {"a": "x", "b": 5432.0, "c": True, "d": None, "e": 1.5, "f": 7}

    assert sealed_files.data(plain, "s") == _data(
        {"a": b"x", "b": b"5432", "c": b"true", "d": b"", "e": b"1.5", "f": b"7"}
    )
    with pytest.raises(RefusedError, match="found more below 'a'"):
        sealed_files.data({"a": {"b": "c"}}, "s")
