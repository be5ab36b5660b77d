import io
import random

import pyrage
import pytest

from atoll.automation import age
from atoll.core.errors import ArgsError, IntegrityError

PLAIN = random.Random(0).randbytes(200_000)
LONG = "a passphrase that is long enough"


@pytest.fixture
def pair(tmp_path):
    """A recipient, and the identity that opens what is closed for it."""
    made = pyrage.x25519.Identity.generate()
    path = tmp_path / "identity"
    path.write_text(f"# made for a test\n{made}\n")
    return age.Recipients((str(made.to_public()),)), age.Identities(path)


def _closed(lock):
    target = io.BytesIO()
    lock.close(lambda plain: plain.write(PLAIN), target)
    return target.getvalue()


def _opened(key, closed):
    return key.open(io.BytesIO(closed), lambda plain: plain.read())


def test_what_a_recipient_closed_its_identity_opens(pair):
    lock, key = pair
    assert _opened(key, _closed(lock)) == PLAIN


def test_each_of_several_recipients_opens_it(pair, tmp_path):
    lock, key = pair
    other = pyrage.x25519.Identity.generate()
    (tmp_path / "other").write_text(str(other))
    closed = _closed(age.Recipients((*lock.keys, str(other.to_public()))))

    assert _opened(key, closed) == _opened(age.Identities(tmp_path / "other"), closed) == PLAIN


def test_a_file_under_a_passphrase_is_not_tried_by_an_identity(pair):
    with pytest.raises(ArgsError, match="Use --passphrase-file"):
        _opened(pair[1], age.MAGIC + b"-> scrypt eBbM0Oa1Lw4pveG9OrJC9w 20\n")


def test_what_was_closed_for_an_identity_no_passphrase_opens(pair):
    with pytest.raises(ArgsError, match="Use --identity"):
        _opened(age.Passphrase(LONG), _closed(pair[0]))


def test_a_passphrase_that_could_be_guessed_closes_nothing_and_none_is_shown():
    with pytest.raises(ArgsError, match="found 5 characters; expected 12 or more"):
        _closed(age.Passphrase("short"))
    assert LONG not in repr(age.Passphrase(LONG))


@pytest.mark.parametrize("way", ["flipped", "cut off", "longer", "of another"])
def test_whatever_is_wrong_with_a_file_has_one_answer_and_nothing_of_it_counts(pair, tmp_path, way):
    lock, key = pair
    closed = _closed(lock)
    (tmp_path / "other").write_text(str(pyrage.x25519.Identity.generate()))
    for number in range(60):
        chance = random.Random(number)
        place = chance.randrange(len(closed))
        changed = {
            "flipped": closed[:place]
            + bytes([closed[place] ^ 1 << chance.randrange(8)])
            + closed[place + 1 :],
            "cut off": closed[:place],
            "longer": closed + chance.randbytes(1 + number),
            "of another": closed,
        }[way]
        opens = age.Identities(tmp_path / "other") if way == "of another" else key
        with pytest.raises(IntegrityError, match=r"^found a file that does not open"):
            _opened(opens, changed)


def test_who_cannot_go_on_reading_or_writing_says_why(pair):
    lock, key = pair

    def fail(plain):
        plain.read(10)
        raise OSError(28, "No space left on device")

    def refuse(_plain):
        raise OSError(13, "Permission denied")

    with pytest.raises(OSError, match="No space left"):
        key.open(io.BytesIO(_closed(lock)), fail)
    with pytest.raises(OSError, match="Permission denied"):
        lock.close(refuse, io.BytesIO())


def test_what_is_no_key_and_no_file_of_age_is_told(tmp_path):
    empty = tmp_path / "empty"
    empty.write_text("# nothing\n")
    with pytest.raises(
        ArgsError, match=r"recipient: found 'age1nonsense' \(.*\); expected a public key of age"
    ):
        age.Recipients(("age1nonsense",))
    with pytest.raises(ArgsError, match=r"empty: found no secret key of age"):
        age.Identities(empty)
    with pytest.raises(ArgsError, match=r"nowhere: found no passphrase in it \(No such file or directory\)"):
        age.passphrase(tmp_path / "nowhere")
    with pytest.raises(IntegrityError, match="found no file that age encrypted"):
        age.refuse_other(io.BytesIO(b"something else"))


def test_the_end_of_its_line_is_none_of_a_passphrase(tmp_path):
    (tmp_path / "passphrase").write_text(f" {LONG} \n")
    assert age.passphrase(tmp_path / "passphrase").text == f" {LONG} "
