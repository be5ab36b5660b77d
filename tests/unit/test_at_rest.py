"""Which step of a rotation follows from which file, and what a store's values and a server's metrics say."""

import hashlib

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from atoll.cluster.local import at_rest, store
from atoll.cluster.local.at_rest import Configuration, Key, Step

SECRET = bytes(range(32))


def _with(*numbers):
    return Configuration(("secrets",), tuple(Key.numbered(number, SECRET) for number in numbers))


@pytest.mark.parametrize(
    ("keys", "number", "step"),
    [
        ((1,), 2, Step.BEGIN),
        ((1,), 7, Step.BEGIN),
        ((2, 1), 2, Step.COMPLETE),
        ((2, 1), 3, Step.COMPLETE),
        ((3, 2, 1), 3, Step.COMPLETE),
        ((2,), 2, Step.NONE),
        ((3,), 2, Step.NONE),
    ],
)
def test_the_file_tells_the_next_step(keys, number, step):
    assert _with(*keys).next(number) is step


@pytest.mark.parametrize(
    ("clusters", "number"),
    [
        ([], 1),
        ([(1,), (1,)], 2),
        # A cluster that joined later.
        ([(5,), (1,)], 6),
        # Killed: one is done, one is begun, one is neither; the first is left alone.
        ([(2,), (2, 1), (1,)], 2),
        ([(4,), (2, 1)], 2),
        ([(4, 3), (2, 1)], 4),
    ],
)
def test_a_rotation_that_was_begun_is_completed_before_another_begins(clusters, number):
    assert at_rest.target(_with(*keys) for keys in clusters) == number


@given(st.lists(st.integers(1, 5), min_size=1, max_size=5), st.data())
def test_killed_anywhere_it_ends_with_one_number_and_never_uses_a_name_twice(numbers, data):
    fleet = [_with(number) for number in numbers]
    number, used = at_rest.target(fleet), [{key} for key in numbers]
    steps = 0
    while open_ := [index for index, each in enumerate(fleet) if each.next(number) is not Step.NONE]:
        # In any order, as many threads do it, and asked anew what it leads to, as after a kill.
        index = data.draw(st.sampled_from(open_))
        step = fleet[index].next(number)
        if step is Step.BEGIN:
            assert number not in used[index]
            used[index].add(number)
        begun = fleet[index].begun(Key.numbered(number, SECRET))
        fleet[index] = begun if step is Step.BEGIN else fleet[index].completed()
        steps += 1
        if any(len(each.keys) > 1 for each in fleet):
            assert at_rest.target(fleet) == number
    assert [each.keys for each in fleet] == [_with(number).keys] * len(fleet)
    assert steps == 2 * len(fleet)


@given(st.lists(st.integers(1, 99), min_size=1, max_size=4, unique=True), st.binary(min_size=32, max_size=32))
def test_a_file_is_read_as_it_was_written(numbers, secret):
    made = Configuration(
        ("secrets", "works.work.karmada.io"), tuple(Key.numbered(n, secret) for n in numbers)
    )

    assert Configuration.read(made.text()) == made
    (section,) = yaml.safe_load(made.text())["resources"]
    # What was stored in plain before there was a key stays readable.
    assert [next(iter(provider)) for provider in section["providers"]] == ["secretbox", "identity"]
    assert repr(secret) not in repr(made)


@pytest.mark.parametrize(
    "text",
    [
        *("", "[", "resources: []", "{resources: [{resources: [a], providers: [{secretbox: {keys: []}}]}]}"),
        "{resources: [{resources: [a], providers: [{secretbox: {keys: [{name: key1, secret: x}]}}]}]}",
    ],
)
def test_a_file_without_a_key_is_none(text):
    with pytest.raises(ValueError, match=r"."):
        Configuration.read(text)


def test_a_key_of_somebody_else_comes_before_all_others():
    mine = Configuration(("secrets",), (Key("mine", SECRET),))
    assert mine.next(1) is Step.BEGIN
    assert at_rest.target([mine]) == 1


@pytest.mark.parametrize(
    ("value", "encrypted"),
    [
        (b"k8s:enc:secretbox:v1:key2:\0\1", True),
        (b"k8s:enc:secretbox:v1:key22:\0\1", False),
        (b"k8s:enc:secretbox:v1:key1:\0\1", False),
        (b"k8s:enc:aescbc:v1:key2:\0\1", False),
        (b"k8s\0\n\x0c", False),
        (b"{}", False),
        (b"", False),
    ],
)
def test_a_value_of_the_store_tells_what_encrypted_it(value, encrypted):
    assert Key.numbered(2, SECRET).encrypted(value) == encrypted


def test_a_server_tells_which_file_it_goes_by():
    name = "apiserver_encryption_config_controller_last_config_info"
    digest = hashlib.sha256(b"new").hexdigest()
    metrics = f'# TYPE {name} gauge\nother{{hash="sha256:{digest}"}} 1\n{name}{{apiserver_id_hash="sha256:%s",hash="sha256:%s"}} 1\n'

    assert at_rest.loaded(metrics % ("ab", digest), b"new")
    assert not at_rest.loaded(metrics % ("ab", digest), b"old")
    assert not at_rest.loaded(metrics % (digest, "ab"), b"new")
    assert not at_rest.loaded("", b"new")


@pytest.mark.parametrize(
    ("resource", "prefix"),
    [
        ("secrets", "/registry/secrets/"),
        ("works.work.karmada.io", "/registry/work.karmada.io/works/"),
    ],
)
def test_a_resource_has_its_place_in_the_store(resource, prefix):
    assert store.prefix(resource) == prefix
