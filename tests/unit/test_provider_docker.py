"""The stand-in for pulumi-resource-docker without an engine: what it refuses, what means the same, what makes a new one.

Source: the docstrings of pulumi_docker 5.2, and `ForceNew`, `Default` and the sets in the resources of
kreuzwerker/terraform-provider-docker 4.
"""

import json

import pytest
from pulumi_docker import container, registry_image, remote_image, tag

from atoll.core.errors import ArgsError, RefusedError
from atoll.provider import protocol, values
from atoll.provider.docker import container_config, settings
from atoll.provider.docker.containers import Container
from atoll.provider.docker.images import RegistryImage, RemoteImage, Tag
from atoll.provider.docker.plugin import DockerPlugin
from atoll.provider.engine import Engine
from atoll.registry import references
from atoll.registry.references import Place

_TOKENS = {
    "Container": "docker:index/container:Container",
    "RegistryImage": "docker:index/registryImage:RegistryImage",
    "RemoteImage": "docker:index/remoteImage:RemoteImage",
    "Tag": "docker:index/tag:Tag",
}
_OFFICIAL = {
    Container: container.ContainerArgs,
    RegistryImage: registry_image.RegistryImageArgs,
    RemoteImage: remote_image.RemoteImageArgs,
    Tag: tag.TagArgs,
}


@pytest.fixture
def plugin():
    return DockerPlugin(Engine())


def _urn(kind):
    return f"urn:pulumi:t::p::{_TOKENS.get(kind, kind)}::thing"


def _check(plugin, kind, inputs, olds=None):
    return plugin.check(
        protocol.provider.CheckRequest(
            urn=_urn(kind),
            type=_TOKENS.get(kind, kind),
            name="thing",
            news=values.encode(inputs),
            olds=values.encode(olds or {}),
            randomSeed=b"seed",
        )
    )


def _diff(plugin, kind, old, new):
    outputs = dict.fromkeys(plugin.effect(_TOKENS[kind]).outputs, "o")
    return plugin.diff(
        protocol.provider.DiffRequest(
            id="i",
            urn=_urn(kind),
            type=_TOKENS[kind],
            old_inputs=values.encode(old),
            olds=values.encode({**old, **outputs}),
            news=values.encode(new),
        )
    )


@pytest.mark.parametrize("kind", _OFFICIAL, ids=lambda kind: kind.__name__)
def test_every_input_that_is_served_is_one_of_the_official_provider(kind):
    official = {
        found.fget.__dict__.get("_pulumi_name", name)
        for name, found in vars(_OFFICIAL[kind]).items()
        if isinstance(found, property)
    }

    assert kind.served <= official
    assert kind.replace_on <= kind.served
    assert kind.defaults.keys() | kind.unordered | kind.required <= kind.served


@pytest.mark.parametrize(
    ("kind", "inputs", "said"),
    [
        ("RegistryImage", {}, "name: found none; expected it"),
        ("Tag", {"sourceImage": "a"}, "targetImage: found none; expected it"),
        ("RemoteImage", {"name": "a", "build": {"context": "."}}, "build: found an input that the stand-in"),
        ("Container", {"image": "a", "gpus": "all"}, "gpus: found an input that the stand-in"),
        ("Container", {"image": "a", "attach": True}, "attach: found an input that the stand-in"),
        ("Container", {"image": "a", "cpus": "some"}, "cpus: found 'some'; expected a number of CPUs"),
        (
            "Container",
            {"image": "a", "healthcheck": {"tests": ["CMD", "x"], "interval": "soon"}},
            "found duration 'soon'",
        ),
        (
            "Container",
            {
                "image": "a",
                "mounts": [{"target": "/a", "type": "bind", "bindOptions": {"propagation": "shared"}}],
            },
            "mounts: found bindOptions, which the stand-in",
        ),
    ],
    ids=["name", "target", "build", "gpus", "attach", "cpus", "duration", "mount"],
)
def test_what_is_not_served_is_refused_by_its_name(plugin, kind, inputs, said):
    (failure,) = _check(plugin, kind, inputs).failures

    assert said in failure.reason


def test_another_type_or_function_is_refused_in_one_line(plugin):
    with pytest.raises(RefusedError, match="docker:index/network:Network: found a type that the stand-in"):
        _check(plugin, "docker:index/network:Network", {})
    with pytest.raises(
        RefusedError, match=r"getNetwork: found a function that the stand-in .* getRegistryImage"
    ):
        plugin.invoke(protocol.provider.InvokeRequest(tok="docker:index/getNetwork:getNetwork"))


def test_a_container_without_a_name_keeps_the_one_that_was_made_up(plugin):
    first = values.plain(_check(plugin, "Container", {"image": "a"}).inputs)["name"]

    assert first.startswith("thing-")
    assert values.plain(_check(plugin, "Container", {"image": "b"}, {"name": first}).inputs)["name"] == first


def test_a_login_of_a_resource_is_secret_though_the_program_does_not_say_so(plugin):
    given = {"name": "a", "authConfig": {"address": "r", "username": "u", "password": "of-somebody"}}

    found = values.decode(_check(plugin, "RegistryImage", given).inputs)

    assert found.secrets == {("authConfig",)}


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        ("Container", {"envs": ["A=1", "B=2"]}, {"envs": ["B=2", "A=1"]}),
        ("Container", {}, {"mustRun": True, "restart": "no", "networkMode": "bridge", "tty": False}),
        ("Container", {"ports": [{"internal": 1}]}, {"ports": [{"internal": 1}], "labels": []}),
        ("RemoteImage", {"pullTriggers": ["a", "b"]}, {"pullTriggers": ["b", "a"], "keepLocally": False}),
        ("RemoteImage", {"__defaults": []}, {}),
    ],
    ids=["order", "defaults", "empty", "triggers", "bookkeeping"],
)
def test_what_means_the_same_is_no_change(plugin, kind, old, new):
    assert _diff(plugin, kind, old, new).changes == protocol.provider.DiffResponse.DIFF_NONE


@pytest.mark.parametrize(
    ("kind", "old", "new", "replaces"),
    [
        ("Container", {"command": ["a"]}, {"command": ["b"]}, ["command[0]"]),
        ("Container", {"image": "a"}, {"image": "b"}, ["image"]),
        ("Container", {"memory": 32}, {"memory": 64, "restart": "always", "mustRun": False}, []),
        # Engines take no limit for no change, so that one which is lifted needs a new container.
        ("Container", {"memory": 32}, {}, ["memory"]),
        ("Container", {"tmpfs": {"/a": ""}}, {"tmpfs": {"/b": ""}}, ["tmpfs./a", "tmpfs./b"]),
        ("RemoteImage", {"pullTriggers": ["a"]}, {"pullTriggers": ["b"]}, ["pullTriggers[0]"]),
        ("RemoteImage", {"keepLocally": True}, {"forceRemove": True}, []),
        ("RegistryImage", {"triggers": {"a": "1"}}, {"triggers": {"a": "2"}}, ["triggers.a"]),
        ("RegistryImage", {"keepRemotely": True}, {"insecureSkipVerify": True}, []),
        ("Tag", {"targetImage": "a"}, {"targetImage": "b"}, ["targetImage"]),
    ],
    ids=["command", "image", "limits", "lifted", "tmpfs", "pull", "keep", "push", "push-in-place", "tag"],
)
def test_what_makes_a_new_one_and_what_does_not(plugin, kind, old, new, replaces):
    found = _diff(plugin, kind, old, new)

    assert found.changes == protocol.provider.DiffResponse.DIFF_SOME
    assert sorted(found.replaces) == replaces
    assert found.deleteBeforeReplace


def test_a_container_in_the_words_of_the_api():
    body = container_config.config(
        {
            "image": "a@sha256:1",
            "command": ["run", "-v"],
            "envs": ["A=1"],
            "labels": [{"label": "team", "value": "crab"}],
            "ports": [
                {"internal": 80, "external": 8080, "ip": "127.0.0.1"},
                {"internal": 53, "protocol": "udp"},
            ],
            "volumes": [
                {"hostPath": "/data", "containerPath": "/d", "readOnly": True},
                {"containerPath": "/scratch"},
                {"fromContainer": "other"},
            ],
            "mounts": [{"target": "/t", "type": "tmpfs"}],
            "memory": 32,
            "memorySwap": -1,
            "cpus": "1.5",
            "capabilities": {"drops": ["ALL"]},
            "healthcheck": {"tests": ["CMD", "x"], "interval": "1m30s", "retries": 2},
            "hosts": [{"host": "db", "ip": "10.0.0.1"}],
            "ulimits": [{"name": "nofile", "soft": 1, "hard": 2}],
            "restart": "on-failure",
            "maxRetryCount": 3,
            "stdinOpen": True,
        },
        "p/t/c",
    )

    assert body == {
        "Image": "a@sha256:1",
        "Cmd": ["run", "-v"],
        "Env": ["A=1"],
        "Labels": {"team": "crab", "atoll.dev/owner": "p/t/c"},
        "OpenStdin": True,
        "ExposedPorts": {"80/tcp": {}, "53/udp": {}},
        "Volumes": {"/scratch": {}},
        "Healthcheck": {"Test": ["CMD", "x"], "Interval": 90 * 10**9, "Retries": 2},
        "HostConfig": {
            "NetworkMode": "bridge",
            "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3},
            "Memory": 32 << 20,
            "MemorySwap": -1,
            "NanoCpus": 1_500_000_000,
            "CapDrop": ["ALL"],
            "ExtraHosts": ["db:10.0.0.1"],
            "Mounts": [{"Target": "/t", "Type": "tmpfs", "Source": "", "ReadOnly": False}],
            "Ulimits": [{"Name": "nofile", "Hard": 2, "Soft": 1}],
            "Binds": ["/data:/d:ro"],
            "VolumesFrom": ["other"],
            "PortBindings": {
                "80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}],
                "53/udp": [{"HostIp": "", "HostPort": ""}],
            },
        },
    }


@pytest.mark.parametrize(
    ("text", "expected"), [("30s", 30.0), ("1h2m3s", 3723.0), ("500ms", 0.5), ("1.5s", 1.5), ("0", 0.0)]
)
def test_durations_are_those_of_go(text, expected):
    assert container_config.nanoseconds(text) == expected * 1e9


@pytest.mark.parametrize("text", ["", "30", "s", "1s 2s", "-1s"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ArgsError, match="expected one as 30s, 1m or 500ms"):
        container_config.nanoseconds(text)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("nginx", Place(references.HUB, "library/nginx", "latest")),
        ("team/app:2", Place(references.HUB, "team/app", "2")),
        ("docker.io/team/app", Place(references.HUB, "team/app", "latest")),
        ("localhost/app:2", Place("localhost", "app", "2")),
        ("r.example.com:5000/a/b:2", Place("r.example.com:5000", "a/b", "2")),
        ("r.example.com/a:2@sha256:11", Place("r.example.com", "a", "sha256:11")),
        ("r.example.com/a@sha256:11", Place("r.example.com", "a", "sha256:11")),
    ],
)
def test_a_name_leads_to_a_registry(name, place):
    assert references.place(name) == place


def _read(login, **environment):
    return settings.read({"docker:config:registryAuth": json.dumps([login])}, environment)


def test_logins_come_from_where_the_provider_says(tmp_path):
    content = json.dumps({"auths": {"r.example.com": {"auth": "dTpw"}}})
    path = tmp_path / "config.json"
    path.write_text(content)
    told = [
        _read({"address": "https://r.example.com/v2/", "username": "u", "password": "p"}),
        _read({"address": "r.example.com"}, DOCKER_REGISTRY_USER="u", DOCKER_REGISTRY_PASS="p"),
        _read({"address": "r.example.com", "configFileContent": content, "username": "other"}),
        _read({"address": "r.example.com", "configFile": str(path)}),
    ]

    for each in told:
        login = each.login("r.example.com")
        assert (login.user, login.password) == ("u", "p")
        assert "'p'" not in repr(each)
        assert each.login("other.example.com").user == ""
    assert (
        _read({"address": "r.example.com", "authDisabled": True, "username": "u"}).login("r.example.com").user
        == ""
    )


def test_a_login_is_asked_for_when_it_is_needed(tmp_path):
    path = tmp_path / "config.json"
    found = _read({"address": "r.example.com", "configFile": str(path)})

    # Its registry was made after the provider was configured.
    path.write_text(json.dumps({"auths": {"r.example.com": {"auth": "dTpw"}}}))

    assert found.login("r.example.com").user == "u"


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"context": "other"}, "context: found a setting that the stand-in does not serve"),
        ({"sshOpts": '["-v"]'}, "sshOpts: found a setting"),
        ({"host": "ssh://there"}, "host: found 'ssh://there'; expected unix://PATH or tcp://HOST:PORT"),
        (
            {"registryAuth": '[{"address": "http://r"}]'},
            "expected HOST or HOST:PORT of one that speaks https",
        ),
        ({"registryAuth": '[{"address": "r", "token": "x"}]'}, "registryAuth: found token"),
        ({"registryAuth": "{"}, "registryAuth: found no list of logins"),
    ],
    ids=["context", "ssh", "host", "http", "token", "json"],
)
def test_settings_that_are_not_served_are_refused_in_one_line(plugin, inputs, said):
    answer = plugin.check_config(protocol.provider.CheckRequest(news=values.encode(inputs)))

    (failure,) = answer.failures
    assert said in failure.reason


def test_a_provider_whose_login_is_not_known_yet_waits_for_it():
    found = settings.read({"docker:config:registryAuth": values.UNKNOWN}, {})

    assert not found.known
    assert found.login("r.example.com").user == ""
