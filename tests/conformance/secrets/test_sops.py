"""Files of the real sops open here as sops itself opens them, and what it refuses is refused."""

import json
import re

import pytest

from atoll.core.errors import AtollError, CommandError, IntegrityError, RefusedError
from atoll.secrets import sops as files
from atoll.secrets.sops_forms import Form

YAML = """\
# for the harbour
token: s3cret
port: 5432
small: -7
large: 1.0e+25
share: 1.5
whole: 1.0
on: true
since: 2024-01-02T03:04:05Z
day: 2024-01-02
nothing: null
empty: ""
mode: 0644
word: yes
"with:colon": "a: b"
lines: |
  one
  two
list:
  # of all kinds
  - a
  - 1
  - {x: y, z: [1, 2.50]}
nobody: {}
none: []
rate_unencrypted: 1.0
data:
  time_unencrypted: 12:30
  letters: "äöü\\u0000x"
  count_unencrypted: 3
  off_unencrypted: false
  day_unencrypted: 2024-01-02
"""
JSON = """\
{"a": 1, "b": 1.5, "c": [1, {"d": "x", "e": []}], "f": null, "g": true, "h_unencrypted": 12345678901234567,
 "i_unencrypted": 1e25, "j": 123456789012345678, "k": "", "l": "ENC[no]", "m": {"n": "ü\\u0001"}}
"""
DOTENV = """\
TOKEN=s3cret
PAIR=a=b
# a comment
LINES=one\\ntwo
EMPTY=
SPACES=\x20x\x20
"""
PLAIN = {Form.YAML: YAML, Form.JSON: JSON, Form.DOTENV: DOTENV}
RULES = [
    {},
    {"encrypted_regex": "^(data|list)$"},
    {"encrypted_suffix": "_unencrypted"},
    {"unencrypted_regex": "^n"},
    {"unencrypted_suffix": "en"},
    {"mac_only_encrypted": True, "encrypted_regex": "^(data|a|c|TOKEN|LINES)$"},
]
COMMENT_RULES = [{"unencrypted_comment_regex": "of all"}, {"encrypted_comment_regex": "for the"}]
CASES = [(form, rule) for form in Form for rule in RULES] + [(Form.YAML, rule) for rule in COMMENT_RULES]
pytestmark = pytest.mark.timeout(600)


def _opened(sops, text, form):
    return files.Reader(sops.access).open(text, form, f"a.{form}")


@pytest.mark.parametrize(("form", "rule"), CASES)
def test_what_sops_encrypted_opens_as_it_does_with_sops(sops, form, rule):
    encrypted = sops.encrypted(PLAIN[form], form, **rule)

    assert _opened(sops, encrypted, form) == _told(json.loads(sops.decrypted(encrypted, form)))


def _told(value):
    """What JSON told, without what sops makes a list's comments into."""
    if isinstance(value, dict):
        return {key: _told(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_told(each) for each in value if not isinstance(each, dict) or "Inline" not in each]
    return value


def _swapped(text):
    first, second = re.findall(r"ENC\[[^\]]*type:str\]", text)[:2]
    return text.replace(first, "?").replace(second, first).replace("?", second)


def _altered(text):
    """Not that of a comment, of which sops makes nothing."""
    value = re.search(r"ENC\[AES256_GCM,data:(.)[^\]]*type:str\]", text)
    assert value
    place = value.start(1)
    return text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]


WRONGS = {
    "two values swapped": _swapped,
    "a value altered": _altered,
    "a plain value altered": lambda text: text.replace("12345678901234568", "5").replace(
        '"12:30"', '"12:31"'
    ),
    "a value removed": lambda text: re.sub(r'(?m)^\s*"?(token|a|TOKEN)"?[:=].*\n', "", text),
    "a value in plain": lambda text: re.sub(r"ENC\[[^\]]*type:str\]", "x", text, count=1),
    "another time": lambda text: re.sub(r"(lastmodified\"?[:=] ?\"?)20", r"\g<1>21", text),
    "no MAC": lambda text: re.sub(r"(mac\"?[:=] ?\"?)ENC\[[^\]]*\]", r"\1", text),
    "another type": lambda text: text.replace("type:str", "type:int", 1),
}


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("wrong", WRONGS)
def test_what_sops_refuses_is_refused(sops, form, wrong):
    encrypted = sops.encrypted(PLAIN[form], form)
    changed = WRONGS[wrong](encrypted)
    if changed == encrypted:
        pytest.skip("there is no such value in this form")

    with pytest.raises(CommandError):
        sops.decrypted(changed, form)
    with pytest.raises(IntegrityError, match="as sops wrote it, whole and unchanged"):
        _opened(sops, changed, form)


@pytest.mark.parametrize("form", [Form.YAML, Form.JSON])
def test_a_context_is_told_to_the_kms_and_no_other_opens(sops, form):
    encrypted = sops.encrypted(PLAIN[form], form, **_key(sops, context={"project": "atoll"}))

    assert _opened(sops, encrypted, form)
    with pytest.raises(IntegrityError):
        _opened(sops, encrypted.replace("atoll", "other"), form)


def _key(sops, **more):
    return {"kms": None, "key_groups": [{"kms": [{"arn": sops.arn, **more}]}]}


def test_another_files_data_key_opens_nothing(sops):
    one, other = (sops.encrypted(YAML, Form.YAML) for _ in range(2))
    wrapped = re.compile(r"enc: \S+")

    with pytest.raises(IntegrityError):
        _opened(sops, wrapped.sub(wrapped.findall(other)[0], one), Form.YAML)


def test_a_role_that_the_file_asks_for_is_not_taken(sops):
    role = "arn:aws:iam::123456789012:role/other"
    encrypted = sops.encrypted(YAML, Form.YAML).replace(
        "aws_profile:", f"role: {role}\n          aws_profile:"
    )

    with pytest.raises(RefusedError, match="found the role arn:aws:iam"):
        _opened(sops, encrypted, Form.YAML)


def test_a_file_of_several_documents_is_refused(sops):
    with pytest.raises(AtollError):
        _opened(sops, sops.encrypted("a: b\n---\nc: d\n", Form.YAML), Form.YAML)
