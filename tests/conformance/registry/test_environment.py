"""What an environment's commands know of a registry: its status, its secrets, and one that a killed run left."""

import base64
import json
from pathlib import Path

import pytest

from atoll import toolchain
from atoll.automation import leaving, searching, status
from atoll.host import Ports, Supervisor, freezing
from atoll.platform.inventory import ControlPlane, Inventory, Registry
from atoll.registry.pull_secret_effects import PullSecret
from conformance.registry.conftest import REGION, Driven
from harness.processes import Told
from harness.waiting import until


def _inventory(**registries):
    return Inventory("e", Path("/nowhere"), ControlPlane("local"), {}, {}, {}, registries=registries)


def test_its_process_is_in_the_status_with_its_port_its_version_and_when_its_certificate_ends(own):
    # A second after its start the supervisor calls it so.
    until(lambda: getattr(Supervisor(own.environment).state(own.place.process), "state", "") == "RUNNING")
    found = status.status(own.environment, Told())
    (process,) = [each for each in found.processes if each.name == own.place.process]
    version = toolchain.table().programs["registry"].version

    assert (process.state, process.ports) == ("RUNNING", [own.place.port])
    assert process.version == process.wanted == version
    assert {(each.cluster, each.kind) for each in found.endings} == {
        ("environment", "authority"),
        ("environment", "certificate"),
    }


def test_its_secrets_are_searched_for_and_found_where_they_must_not_be(own):
    known = searching.of_disk(own.environment)
    password = own.login().password
    assert password in known.values()
    assert own.place.uploads.read_text() in known.values()
    assert searching.betrayals(known, searching.places(own.environment)) == []

    leaked = own.environment.folder / "leaked.log"
    leaked.write_text(f"password {password}")
    try:
        (found,) = searching.betrayals(known, searching.places(own.environment))
    finally:
        leaked.unlink()

    assert (found.what, found.where) == (f"registry {own.name}: password of atoll", str(leaked))


def test_one_that_a_killed_run_began_goes_when_nobody_declares_it(own):
    state = [{"type": "atoll:index:LocalRegistry", "inputs": {"name": own.name}}]
    declared = _inventory(**{own.name: Registry("oci")})
    assert own.name not in leaving.clear_registries(own.environment, _inventory(main=Registry("oci")), state)
    assert own.name not in leaving.clear_registries(own.environment, declared, [])

    cleared = leaving.clear_registries(own.environment, _inventory(main=Registry("oci")), [])

    assert own.name in cleared
    assert own.registry.read() is None
    assert not any(own.name in purpose for purpose in Ports(own.environment).known())


def test_it_stands_still_while_files_are_copied_and_goes_on(own):
    with freezing.still(own.environment) as stores:
        assert "registry" in {each.name() for each in stores}
    assert own.pusher.push("app", "1")


def _pull_secret(kind, registry, **more):
    inputs = {"name": "pull", "kind": kind, "registry": registry, **more}
    made = Driven(PullSecret(), inputs)
    made.create()
    return made


def _config(made):
    return json.loads(base64.b64decode(made.outputs["data"][".dockerconfigjson"]))["auths"]


def test_a_pull_secret_holds_a_login_that_works_and_follows_it(own):
    made, login = _pull_secret("oci", own.name), own.login()
    assert _config(made)[own.registry.outputs["address"]]["password"] == login.password
    assert login.password not in made.outputs["revision"]
    assert (made.stale(), made.outputs["ends"]) == (None, "")
    assert made.refresh() == set()

    own.place.logins.unlink()
    own.registry.update()

    assert "another one" in made.stale()
    before = made.outputs["revision"]
    made.update()
    assert _config(made)[own.registry.outputs["address"]]["password"] == own.login().password
    assert made.outputs["revision"] != before
    assert made.stale() is None


def test_a_pull_secret_of_a_user_who_is_none_is_refused(own):
    with pytest.raises(Exception, match=rf"registry {own.name}: found no user me; expected one of: atoll"):
        _pull_secret("oci", own.name, user="me")


def test_a_pull_secret_of_ecr_is_renewed_before_its_login_ends(of_ecr):
    made = _pull_secret("ecr", "main", region=REGION, endpoint=of_ecr.endpoint)
    login = of_ecr.login()
    assert _config(made)[login.address]["password"] == login.password
    # moto's logins ended long ago.
    assert made.stale() == f"its login ends at {made.outputs['ends']}"
    made.outputs["ends"] = "2999-01-01T00:00:00+00:00"
    assert made.stale() is None
