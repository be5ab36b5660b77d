"""What a registry says of an image, asked without a Docker engine: no test here has one.

Source: get_registry_image and get_registry_image_manifests of pulumi_docker 5.2 (their docstrings and result types), and
data_source_docker_registry_image*.go of kreuzwerker/terraform-provider-docker 4.
"""

import json
import re

import pytest

from atoll.core.errors import RefusedError, UnavailableError
from atoll.provider.docker import functions, settings
from harness import registry

_ASKING = """
def ask(function, name, *keys):
    found = function(name=f"{{REGISTRY}}/{{name}}", opts=there)
    return {{key: getattr(found, key) for key in keys}}

image, manifests = docker.get_registry_image_output, docker.get_registry_image_manifests_output
pulumi.export("tag", ask(image, "{name}:1.2", "sha256_digest", "id"))
pulumi.export("digest", ask(image, "{name}@{digest}", "sha256_digest"))
pulumi.export("both", ask(image, "{name}:other@{digest}", "sha256_digest"))
pulumi.export("index", ask(image, "{name}:2", "sha256_digest"))
pulumi.export("platforms", ask(manifests, "{name}:2", "id", "manifests"))
plain = {{"address": REGISTRY, "username": "crab", "password": {password!r}}}
docker.Provider("other", registry_auth=[plain], key_material="key-of-nobody")
"""


def test_tags_and_platforms_are_told_by_digest_and_no_password_stays_in_the_state(program, pusher, name):
    digest = pusher.push(name, "1.2", b"layer of " + name.encode())
    index = pusher.index(name, "2", {"amd64": b"one", "arm64": b"two"})

    program.write(_ASKING.format(name=name, digest=digest, password=program.password)).up().succeeded()

    found = program.outputs()
    assert found["tag"] == {"sha256_digest": digest, "id": digest}
    assert found["digest"] == found["both"] == {"sha256_digest": digest}
    assert found["index"] == {"sha256_digest": index}
    assert found["platforms"]["id"] == f"{name}:2"
    platforms = [(each["os"], each["architecture"]) for each in found["platforms"]["manifests"]]
    assert platforms == [("linux", "amd64"), ("linux", "arm64")]
    # Of "other" the program did not say that its password is secret.
    text = program.state_text()
    assert "providers:docker::other" in text
    assert program.password not in text
    assert "key-of-nobody" not in text


@pytest.fixture
def known(served, tmp_path):
    """The settings of a provider that knows the registry's login and authority."""
    (tmp_path / "registry.pem").write_text(served.authority)

    def read(password=registry.PASSWORD, trust=tmp_path):
        login = {"address": served.host, "username": registry.USER, "password": password}
        return settings.read(
            {"docker:config:registryAuth": json.dumps([login])}, {"SSL_CERT_DIR": str(trust)}
        )

    return read


def test_what_a_registry_does_not_have_is_one_clear_line(served, known, pusher, name):
    pusher.push(name, "1", b"only one")

    with pytest.raises(RefusedError, match=f"{name}:2: found none in its registry; expected it there"):
        functions.registry_image(known(), {"name": f"{served.host}/{name}:2"})
    with pytest.raises(RefusedError, match=r"found one image .*; expected an index of several platforms"):
        functions.registry_image_manifests(known(), {"name": f"{served.host}/{name}:1"})


def test_a_wrong_password_or_authority_is_one_clear_line(served, known, pusher, name, tmp_path):
    pusher.push(name, "1", b"only one")
    asked = {"name": f"{served.host}/{name}:1"}
    (tmp_path / "empty").mkdir()

    with pytest.raises(RefusedError, match=re.escape("found a refusal of crab (401")) as refused:
        functions.registry_image(known("of-somebody-else"), asked)
    assert "of-somebody-else" not in str(refused.value)
    with pytest.raises(UnavailableError, match="certificate verify failed"):
        functions.registry_image(known(trust=tmp_path / "empty"), asked)
    unverified = functions.registry_image(
        known(trust=tmp_path / "empty"), {**asked, "insecureSkipVerify": True}
    )
    assert unverified["sha256Digest"] == functions.registry_image(known(), asked)["id"]


def test_a_login_of_the_call_goes_before_that_of_the_provider(served, known, pusher, name):
    pusher.index(name, "1", {"amd64": b"one"})
    asked = {"name": f"{served.host}/{name}:1"}
    own = {"address": served.host, "username": registry.USER, "password": registry.PASSWORD}

    found = functions.registry_image_manifests(known("of-somebody-else"), {**asked, "authConfig": own})

    assert [each["architecture"] for each in found["manifests"]] == ["amd64"]
