"""Which clusters answer during a run: those that do not are told once, in the place of all that follows from it."""

import contextlib
import socket
from datetime import timedelta

import pytest

from atoll.automation import leaving, looking, reach
from atoll.automation.events import Message, Outcome, Result, Severity
from atoll.automation.looking import Access
from atoll.automation.reach import Reach
from atoll.automation.show import Screen
from atoll.cluster.local import launch
from atoll.core import files
from atoll.core.errors import RefusedError, UnavailableError
from atoll.federation import delivery
from atoll.host import Environment
from atoll.kubernetes import Kubeconfig
from atoll.platform.inventory import Cluster, ControlPlane, Inventory
from harness.answering import answering


def _well(_path):
    return 200, b"ok"


def _other(_path):
    return 200, b"<html>It works!</html>"


@pytest.fixture
def server():
    with contextlib.ExitStack() as running:
        yield lambda answer: running.enter_context(answering(answer))


def _nowhere():
    with socket.create_server(("127.0.0.1", 0)) as gone:
        return f"http://127.0.0.1:{gone.getsockname()[1]}"


@pytest.fixture
def reached(tmp_path, server):
    """Makes what asks a plane and two members, of which `heron` is silent unless told otherwise."""
    made = []

    def make(**addresses):
        known = {"control-plane": server(_well), "tern": server(_well), "heron": _nowhere()}
        places = []
        for name, address in (known | addresses).items():
            path = tmp_path / f"{name}.kubeconfig"
            path.write_text(Kubeconfig(address).text())
            places.append(Access(name, "control-plane" if name == "control-plane" else "member", path))
        screen = Screen(quiet=True)
        made.append(
            Reach(
                Environment(tmp_path, "e", tmp_path),
                [*places, Access("unmade", "member", tmp_path / "none")],
                screen,
            )
        )
        return made[-1], screen

    yield make
    for each in made:
        each.finish()


def _problem(text, place=None, severity=Severity.WARNING):
    return Message(severity, text, place)


def test_a_silent_cluster_is_told_once_in_the_place_of_all_that_its_resources_say(reached):
    asked, screen = reached()
    for text in ("not compared with what is there", "it failed"):
        asked.listen(_problem(text, "heron"))

    (told,) = screen.problems
    assert (told.place, told.severity) == ("heron", Severity.ERROR)
    assert "found no answer" in told.text
    assert asked.finish().keys() == {"heron"}
    assert screen.problems == [told]


def test_what_is_wrong_with_a_cluster_that_came_back_is_shown(reached, server, tmp_path, monkeypatch):
    asked, screen = reached()
    assert asked.silence("heron")
    (tmp_path / "heron.kubeconfig").write_text(Kubeconfig(server(_well)).text())
    monkeypatch.setattr(reach, "_AGAIN", 0)
    said = _problem("its nodes are gone", "heron")

    asked.listen(said)

    assert screen.problems == [said]
    assert asked.finish() == {}


def test_what_is_wrong_with_a_cluster_that_answers_is_shown(reached):
    asked, screen = reached()
    said = [_problem("its nodes are gone", "tern"), _problem("the program failed")]
    for message in said:
        asked.listen(message)

    assert screen.problems == said


def test_of_a_gates_lines_those_about_the_silent_are_left_out(reached):
    asked, screen = reached()
    lines = delivery.summary("web", {"heron": ["cannot be asked: ..."], "tern": ["1 of 2 available"]}, 15)
    asked.listen(_problem("\n".join(["2 errors occurred:", *lines])))

    assert [problem.text for problem in screen.problems if not problem.place] == [
        "propagation web: cluster tern: 1 of 2 available after 15 s"
    ]


def test_a_gate_that_lags_for_the_silent_alone_says_nothing_more(reached):
    asked, screen = reached()
    asked.listen(_problem("\n".join(delivery.summary("web", {"heron": ["cannot be asked: ..."]}, 15))))

    assert [problem.place for problem in screen.problems] == ["heron"]


def test_what_fails_at_a_silent_cluster_is_counted_and_not_shown(reached):
    asked, screen = reached()
    failed = Result("urn:pulumi:dev::atoll::t::x", Outcome.FAILED, "failed", "heron")
    asked.listen(failed)

    assert screen.results == [failed]


def test_a_server_of_another_kind_is_as_good_as_none(reached, server):
    asked, _ = reached(tern=server(_other))

    assert "found an answer of something else" in asked.silence("tern")
    assert asked.silence("control-plane") is None
    assert asked.silence("unmade") is None


def test_of_a_member_to_forget_nothing_is_heard_but_what_failed(reached):
    asked, screen = reached()
    asked.forgotten = "skua"
    error = _problem("its folder stays", "skua", Severity.ERROR)
    for message in (_problem("not compared with what is there", "skua"), error):
        asked.listen(message)

    assert screen.problems == [error]


def test_a_dead_plane_ends_the_run(reached, monkeypatch):
    monkeypatch.setattr(reach, "_PLANE_PATIENCE", timedelta(0))
    asked, _ = reached(**{"control-plane": _nowhere()})

    with pytest.raises(UnavailableError, match="without it no member can be served"):
        asked.demand("control-plane")
    asked.demand("tern")


def test_what_the_inventory_has_is_not_forgotten(tmp_path):
    inventory = Inventory("dev", tmp_path, ControlPlane("local"), {"reef": Cluster("local")}, {}, {})

    for name, why in (
        ("reef", "expected it gone from the inventory"),
        ("control-plane", "there is no fleet"),
    ):
        with pytest.raises(RefusedError, match=why):
            leaving.refuse_declared(inventory, name)
    leaving.refuse_declared(inventory, "skua")


def test_a_plane_that_was_removed_is_not_asked_for_and_one_elsewhere_always_is(tmp_path):
    environment = Environment(tmp_path, "e", tmp_path / "e")
    state = [_cluster("LocalControlPlane", "here"), _cluster("ExistingCluster", "elsewhere")]
    (environment.clusters / "here").mkdir(parents=True)
    assert looking.is_made(environment, state, "here")

    (environment.clusters / "here").rmdir()

    assert not looking.is_made(environment, state, "here")
    assert looking.is_made(environment, state, "elsewhere")
    assert not looking.is_made(environment, state, "never")


def _cluster(kind, name):
    return {"type": f"atoll:index:{kind}", "inputs": {"name": name}, "outputs": {"identifier": "u"}}


def test_what_neither_the_inventory_nor_the_state_knows_is_removed_and_nothing_else(tmp_path, monkeypatch):
    environment = Environment(tmp_path, "e", tmp_path / "e")
    for folder in (
        "clusters/reef",
        "clusters/heron",
        "clusters/skua",
        "clusters/control-plane",
        "removed.tern",
    ):
        (environment.folder / folder).mkdir(parents=True)
    environment.programs.mkdir()
    for program in ("reef.etcd", "gull.etcd", "gull.kwok"):
        (environment.programs / f"{program}.conf").touch()
    inventory = Inventory("e", tmp_path, ControlPlane("local"), {"reef": Cluster("local")}, {}, {})
    removed = []
    monkeypatch.setattr(launch, "remove", lambda _environment, name: removed.append(name))

    assert leaving.clear_unknown(environment, inventory, [_cluster("LocalCluster", "heron")]) == removed
    assert removed == ["gull", "skua", "tern"]


def test_who_answers_is_written_down_for_those_who_serve_the_run(reached, tmp_path):
    asked, _ = reached()
    asked.silence("tern")
    record = files.read_json(tmp_path / "hearing.json")
    assert "tern" in record["answered"]
    assert "heron" in record["asked"]
    assert not {"heron", "unmade"} & set(record["answered"])

    asked.finish()
    assert not (tmp_path / "hearing.json").exists()


def test_one_that_answered_a_moment_ago_is_not_asked_again_unless_something_is_wrong_with_it(reached, server):
    questions = {"tern": 0, "heron": 0}

    def counted(name):
        def answer(_path):
            questions[name] += 1
            return 200, b"ok"

        return server(answer)

    asked, _ = reached(tern=counted("tern"), heron=counted("heron"))
    assert (asked.silence("tern"), asked.silence("heron")) == (None, None)

    asked.listen(_problem("its nodes are gone", "heron"))
    assert asked.finish() == {}

    assert questions == {"tern": 1, "heron": 2}


def test_members_are_asked_also_where_the_plane_says_nothing(reached, monkeypatch):
    monkeypatch.setattr(reach, "_AHEAD", 0.01)
    with socket.create_server(("127.0.0.1", 0)) as frozen:
        asked, _ = reached(**{"control-plane": f"http://127.0.0.1:{frozen.getsockname()[1]}"})

        assert asked.silence("tern") is None
