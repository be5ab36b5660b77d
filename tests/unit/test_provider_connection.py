import socket

import pytest

from atoll.core.errors import UnavailableError
from atoll.kubernetes import Kubeconfig
from atoll.provider import values
from atoll.provider.kubernetes import connection
from atoll.provider.kubernetes.connection import Connection
from atoll.provider.kubernetes.settings import Settings


def _kubeconfig(server, **more):
    return Kubeconfig(server=server, **more).text()


ONE, TWO = _kubeconfig("https://one.test"), _kubeconfig("https://two.test")
RENEWED = _kubeconfig("https://one.test", token="u")


@pytest.mark.parametrize(
    ("old", "new", "replaces"),
    [
        ({"clusterIdentifier": "a", "kubeconfig": ONE}, {"clusterIdentifier": "a", "kubeconfig": TWO}, []),
        (
            {"clusterIdentifier": "a", "kubeconfig": ONE},
            {"clusterIdentifier": "a", "kubeconfig": values.UNKNOWN},
            [],
        ),
        ({"clusterIdentifier": "a"}, {"clusterIdentifier": "b"}, ["clusterIdentifier"]),
        ({"clusterIdentifier": "a"}, {"clusterIdentifier": values.UNKNOWN}, ["clusterIdentifier"]),
        ({"kubeconfig": ONE}, {"kubeconfig": RENEWED}, []),
        ({"kubeconfig": ONE}, {"kubeconfig": TWO}, ["kubeconfig"]),
        ({"kubeconfig": ONE}, {"kubeconfig": values.UNKNOWN}, ["kubeconfig"]),
        ({"kubeconfig": ONE}, {"kubeconfig": ONE, "namespace": "n"}, []),
        ({"kubeconfig": ONE}, {"kubeconfig": ONE, "clusterIdentifier": "a"}, []),
        ({"kubeconfig": ONE, "clusterIdentifier": "a"}, {"kubeconfig": TWO}, ["kubeconfig"]),
    ],
)
def test_a_provider_is_replaced_with_its_cluster_alone(old, new, replaces):
    changed = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))

    assert connection.replacing(old, new, changed) == replaces


def test_a_file_of_another_place_is_another_cluster_only_if_it_says_so(tmp_path):
    one, copy = tmp_path / "one", tmp_path / "copy"
    one.write_text(ONE)
    copy.write_text(ONE)

    assert connection.replacing({"kubeconfig": str(one)}, {"kubeconfig": str(copy)}, ["kubeconfig"]) == []
    assert connection.replacing({"kubeconfig": str(one)}, {"kubeconfig": TWO}, ["kubeconfig"]) == [
        "kubeconfig"
    ]


def test_a_cluster_is_chosen_by_name_and_the_settings_namespace_goes_first():
    text = Kubeconfig(server="https://one.test", namespace="m", name="other").text()
    other = text.replace("current-context: other", "current-context: none")

    found = connection.kubeconfig(Settings(kubeconfig=other, context="other"))

    assert (found.server, found.namespace) == ("https://one.test", "m")
    assert connection.kubeconfig(Settings(kubeconfig=text, namespace="n")).namespace == "n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("/none/such", "found '/none/such'"),
        ("{", "no YAML"),
        ("\n", "no mapping"),
        (_kubeconfig(""), "no server"),
    ],
)
def test_a_kubeconfig_that_cannot_be_read_is_an_unreachable_cluster_in_one_line(text, says):
    problem = Connection(Settings(kubeconfig=text)).problem

    assert str(problem).startswith("configured Kubernetes cluster is unreachable: kubeconfig: ")
    assert says in str(problem)
    assert "\n" not in str(problem)


def test_a_cluster_that_is_not_known_yet_is_asked_for_nothing():
    unknown = Connection(Settings(known=False))

    assert not unknown.known
    with pytest.raises(UnavailableError, match="not known yet"):
        _ = unknown.api


def test_a_server_that_says_nothing_is_asked_once_for_all(monkeypatch):
    monkeypatch.setattr(connection, "_PROBE_LIMIT", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as server:
        silent = Connection(Settings(kubeconfig=_kubeconfig(f"http://127.0.0.1:{server.getsockname()[1]}")))
        first, second = silent.problem, silent.problem

    assert first is second
    assert "unreachable" in str(first)


def test_a_definition_of_the_program_tells_whether_its_kind_lives_in_namespaces(monkeypatch):
    known = Connection(Settings(kubeconfig=ONE))
    monkeypatch.setattr(Connection, "api", _NothingServed())
    reef = {"apiVersion": "e.test/v1", "kind": "Reef", "metadata": {"name": "r"}}
    assert known.namespaced(reef) is None

    known.remember({"spec": {"group": "e.test", "names": {"kind": "Reef"}, "scope": "Cluster"}})

    assert known.namespaced(reef) is False
    assert known.defines(reef)


class _NothingServed:
    def resource(self, _version, _kind):
        return None
