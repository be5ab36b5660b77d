"""What registries of all kinds have in common: repositories, who may delete them, logins."""

import json

import pytest

from atoll.core.errors import RefusedError
from atoll.registry import access
from atoll.registry.logins import docker_config

_BAD_NAMES = ("", "A", "app/", "/app", "a..b", "a b", "app:1", "a", "x" * 257)


@pytest.fixture(params=["of_ecr", "of_machine"])
def kind(request):
    return request.getfixturevalue(request.param)


def test_a_registry_tells_where_it_is_and_a_second_look_finds_no_difference(kind):
    assert kind.registry.outputs["address"] == kind.login().address
    assert kind.registry.refresh() == set()
    assert kind.registry.stale() is None
    before = kind.registry.outputs
    assert not kind.registry.create().problems
    assert kind.registry.outputs == before


def test_a_repository_is_in_its_registry_and_a_second_look_finds_no_difference(kind, name):
    made = kind.repository(name)
    made.create()

    assert made.outputs["uri"] == f"{kind.registry.outputs['address']}/{name}"
    assert made.refresh() == set()
    assert made.stale() is None


def test_a_repository_that_was_begun_is_taken_up_with_what_it_holds(kind, name):
    made = kind.repository(name)
    made.create()
    before, digest = made.outputs, kind.push(name, "1")

    made.create()

    assert made.outputs == before
    assert kind.holds(name) == [digest]


def test_a_repository_that_holds_images_is_deleted_only_where_that_was_said(kind, name):
    made = kind.repository(name)
    made.create()
    held = [kind.push(name, tag) for tag in ("1", "2")]
    with pytest.raises(RefusedError, match=r"expected it empty\. Delete its images, or say forceDelete"):
        made.delete()
    assert sorted(kind.holds(name)) == sorted(held)

    made.update(forceDelete=True)
    made.delete()

    assert kind.holds(name) == []


def test_an_empty_repository_is_deleted_and_one_that_is_gone_already_is_no_error(kind, name):
    made = kind.repository(name)
    made.create()
    made.delete()
    made.delete()
    assert kind.holds(name) == []


def test_others_are_left_alone_when_a_repository_goes(kind, name):
    first, second = kind.repository(name, forceDelete=True), kind.repository(f"{name}/deeper")
    first.create()
    second.create()
    kind.push(name, "1")
    digest = kind.push(f"{name}/deeper", "1")

    first.delete()

    assert kind.holds(name) == []
    assert kind.holds(f"{name}/deeper") == [digest]


@pytest.mark.parametrize("bad", _BAD_NAMES)
def test_a_name_that_cannot_be_is_refused_before_anything_is_asked(kind, bad):
    (failure,) = kind.repository(bad).effect.check({"name": bad})
    assert failure.name == "name"


def test_a_login_is_in_the_form_of_dockers_clients_and_never_shown(kind):
    login = access.login(kind.reference)
    (entry,) = json.loads(docker_config(login))["auths"].items()

    assert entry[0] == kind.registry.outputs["address"]
    assert (entry[1]["username"], entry[1]["password"]) == (login.user, login.password)
    assert login.password
    assert login.password not in repr(login)
    assert login.password not in json.dumps(kind.registry.outputs)
