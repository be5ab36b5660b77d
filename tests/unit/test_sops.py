"""Files that the real sops wrote (tests/golden/sops): they open as they were, or not at all."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atoll.core.errors import ArgsError, IntegrityError, RefusedError, SettingsError
from atoll.secrets import kms, sops_forms
from atoll.secrets.sops import Reader
from atoll.secrets.sops_forms import Form

GOLDEN = Path(__file__).parents[1] / "golden" / "sops"
KEYS = json.loads((GOLDEN / "keys.json").read_text())
LIST = ["one", {"deep": "a: b"}]
YAML = {
    "token": "s3cret",
    "port": 5432,
    "share": 1.5,
    "open": True,
    "since": "2024-01-02T03:04:05Z",
    "list": LIST,
}
PLAIN = {
    "harbour.yaml": YAML,
    "harbour.json": {"token": "s3cret", "port": 5432.0, "share": 1.5, "open": True, "list": LIST},
    "harbour.env": {"TOKEN": "s3cret", "LINES": "one\ntwo"},
}
NAMES = st.sampled_from(sorted(PLAIN))


def _opened(name, text):
    """Opens it with a KMS that gives the file's data key whatever it is asked."""
    reader = Reader(kms.Access("us-east-1"))
    data_key = bytes.fromhex(KEYS[name])
    vars(reader)["client"] = SimpleNamespace(decrypt=lambda **_words: {"Plaintext": data_key})
    return reader.open(text, Form.of(name), name)


def _text(name):
    return (GOLDEN / name).read_text()


@pytest.mark.parametrize("name", PLAIN)
def test_a_file_of_sops_opens(name):
    assert _opened(name, _text(name)) == PLAIN[name]


@settings(max_examples=300)
@given(NAMES, st.integers(min_value=0), st.integers(0, 7))
def test_a_file_with_a_bit_flipped_holds_the_same_or_does_not_open(name, place, bit):
    changed = bytearray(_text(name).encode())
    changed[place % len(changed)] ^= 1 << bit

    try:
        found = _opened(name, changed.decode("latin-1"))
    except (IntegrityError, SettingsError, RefusedError):
        return
    # The MAC of sops does not cover what is empty.
    assert {key: value for key, value in found.items() if value != ""} == PLAIN[name]


@settings(max_examples=100)
@given(NAMES, st.data())
def test_a_file_without_some_of_its_lines_holds_the_same_or_does_not_open(name, data):
    lines = _text(name).splitlines(keepends=True)
    first = data.draw(st.integers(0, len(lines) - 1))
    count = data.draw(st.integers(1, 5))

    try:
        found = _opened(name, "".join(lines[:first] + lines[first + count :]))
    except (IntegrityError, SettingsError, RefusedError):
        return
    assert found == PLAIN[name]


@pytest.mark.parametrize(
    ("name", "text", "error"),
    [
        ("a.yaml", "a: b\n", SettingsError),
        ("a.json", '{"a": "b"}', SettingsError),
        ("a.env", "A=b\n", SettingsError),
        ("a.yaml", "a: b\nsops: {age: [{recipient: r}]}\n", RefusedError),
        ("a.yaml", "a: b\nsops: {key_groups: [{kms: []}]}\n", RefusedError),
        ("a.yaml", "a: b\nsops: 5\n", IntegrityError),
        ("a.yaml", "a: &x [b]\nc: *x\nsops: {kms: [{}]}\n", IntegrityError),
        ("a.yaml", "[" * 50_000, IntegrityError),
        ("a.yaml", "a: b\n---\nc: d\n", IntegrityError),
        ("a.yaml", "", IntegrityError),
        ("a.yaml", "a: [\n", IntegrityError),
        ("a.yaml", "5: a\n", IntegrityError),
        ("a.yaml", "a: !!python/object:os.system b\n", IntegrityError),
        ("a.json", "[" * 50_000, IntegrityError),
        ("a.json", '{"a": 1, "a": 2}', IntegrityError),
        ("a.json", '{"a": NaN}', IntegrityError),
        ("a.json", "[]", IntegrityError),
        ("a.env", "nothing\n", IntegrityError),
        ("a.env", "sops_kms=a\nsops_kms__list_0__map_arn=b\n", IntegrityError),
    ],
)
def test_what_is_no_file_of_sops_is_told(name, text, error):
    KEYS.setdefault(name, "00" * 32)

    with pytest.raises(error) as caught:
        _opened(name, text)
    assert type(caught.value) is error
    assert str(caught.value).startswith(f"{name}: found ")


def test_the_kinds_of_keys_that_are_there_are_told():
    with pytest.raises(
        RefusedError, match=r"found keys of other kinds \(age, pgp\); expected one of AWS KMS"
    ):
        _opened("harbour.yaml", "sops: {age: [{}], pgp: [{}]}\n")


@pytest.mark.parametrize("name", ["a.ini", "a", "yaml"])
def test_a_file_of_another_form_is_refused(name):
    with pytest.raises(ArgsError, match=r"expected \.yaml, \.yml, \.json or \.env"):
        Form.of(name)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("5", 5),
        ("-5", -5),
        ("0644", 420),
        ("0o644", 420),
        ("0x1F", 31),
        ("1_000", 1000),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("-.inf", float("-inf")),
        ("yes", "yes"),
        ("on", "on"),
        ("True", True),
        ("12:30", "12:30"),
        ("2024-01-02", "2024-01-02"),
        ("~", None),
        ("''", ""),
        ("!!float 1", 1.0),
        ("!!str 1", "1"),
        ("'5'", "5"),
    ],
)
def test_scalars_mean_what_they_mean_to_sops(text, meant):
    tree, _told = sops_forms.read(f"a: {text}\n", Form.YAML)

    assert tree == {"a": meant}
    assert type(tree["a"]) is type(meant)
