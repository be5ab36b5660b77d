"""Values and data keys are exchanged in the text of files, and nothing else of it changes."""

import textwrap
from pathlib import Path

import pytest
import yaml

from atoll.secrets import sealed_texts, sops_forms, sops_wraps
from atoll.secrets.message import Context
from atoll.secrets.sops_forms import Form
from atoll.secrets.sops_wraps import Wrap
from harness import keys

GOLDEN = Path(__file__).parents[1] / "golden" / "sops"
_TEXT = """{bom}# ünïcode ☃ 𝄞
a: {{x: "{0}", y: {1}}} # behind it
b:
  - '{2}'
  - p: >-  # note
{folded}

    q: |
        {4}
  - r: &anchor !!str {5}\r
    s: *anchor
  - t: "{half}
       {rest}"
  - u: {half}
       {rest}
  - plain: {long}
last: |2-
    {1}"""


@pytest.fixture(scope="module")
def sealed():
    with keys.played() as access:
        old, new = keys.made(access), keys.made(access)
        contexts = [Context("atoll", "dev", f"db/{number}") for number in range(6)]
        yield [[key.seal_text(each, b"x" * 50) for each in contexts] for key in (old, new)]


@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_a_value_is_exchanged_however_it_is_written_and_the_rest_stays(sealed, bom):
    old, new = sealed
    folded = textwrap.indent("\n".join(textwrap.wrap(old[3], 76)), " " * 8)
    parts = {"half": old[0][:80], "rest": old[0][80:], "long": "A" * 400}
    text = _TEXT.format(*old, bom=bom, folded=folded, **parts)
    places = sealed_texts.places(text)

    found = sealed_texts.replaced(text, {each: new[int(each.header.context.name[-1])] for each in places})

    one = new[0]
    expected = _TEXT.format(
        *new, bom=bom, folded=f"        {new[3]}", **{**parts, "half": "HALF", "rest": "REST"}
    ).replace("HALF\n       REST", one)
    assert found == expected
    assert len(places) == 9
    assert yaml.safe_load(found.removeprefix("\ufeff"))["b"][2] == {"r": new[5], "s": new[5]}


def test_nothing_is_written_where_something_else_would_be_read_then(sealed):
    old, new = sealed
    (place,) = sealed_texts.places(f"a: {old[0]}\n")

    with pytest.raises(ValueError, match="not the same elsewhere"):
        sealed_texts.replaced(f"a: {old[0]}\n", {place: f"{new[0]}\nb: c"})
    with pytest.raises(ValueError, match="no YAML"):
        sealed_texts.places("a: [")


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("harbour.*")), ids=lambda path: path.suffix)
def test_a_data_key_is_exchanged_in_a_file_of_sops_and_values_and_mac_stay(path):
    text, form = path.read_text(), Form.of(path.name)
    (arn,) = sops_forms.arns(sops_forms.read(text, form)[1] or {})
    (old,) = sops_wraps.wraps(text, form, [arn])
    new = Wrap("arn:aws:kms:us-east-1:123456789012:key/new", "bmV3", old.context)

    found = sops_wraps.replaced(text, form, {old: new})

    assert found.replace(new.arn, old.arn).replace(new.wrapped, old.wrapped) == text
    assert sops_wraps.wraps(found, form, [arn]) == []
    assert sops_wraps.wraps(found, form, [new.arn]) == [new]
    assert sops_wraps.wraps("a: b", Form.YAML, [arn]) == []
    with pytest.raises(ValueError, match="not to be told from the rest"):
        sops_wraps.replaced(f"{text}# {arn}\n", form, {old: new})
