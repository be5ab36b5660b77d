"""The images of an inventory, and the programs that they need."""

import base64

import pytest

from atoll.core.errors import ArgsError, SettingsError, UnavailableError
from atoll.platform import load, preflight
from atoll.platform.inventory import Image, ImageCopy
from atoll.secrets import sealed_secret

_PLANE = "controlPlane: {driver: local}\nclusters: {lagoon: {driver: local}}\n"
_REGISTRY = "registries: {main: {kind: ecr, repositories: {team/app: {}, cache: {}}}}\n"


@pytest.fixture
def loaded(tmp_path):
    def load_text(text):
        folder = tmp_path / "stacks"
        folder.mkdir(exist_ok=True)
        (folder / "dev.yaml").write_text(_PLANE + _REGISTRY + text)
        return load(folder, "dev")

    return load_text


def test_an_image_has_all_that_is_said_of_it_and_no_more(loaded):
    text = """
images:
  little: {context: images/little, registry: main, repository: team/app}
  app:
    context: images/app
    dockerfile: images/app/Containerfile
    registry: main
    repository: team/app
    target: run
    platforms: [linux/amd64, linux/arm/v7]
    buildArgs: {A: "1"}
    labels: {l: v}
    tags: ["1", "1.2"]
    cache: cache
    builder: far
"""

    assert loaded(text).images == {
        "little": Image("images/little", "main", "team/app"),
        "app": Image(
            "images/app",
            "main",
            "team/app",
            builder="far",
            cache="cache",
            settings={
                "dockerfile": "images/app/Containerfile",
                "target": "run",
                "platforms": ["linux/amd64", "linux/arm/v7"],
                "build_args": {"A": "1"},
                "labels": {"l": "v"},
                "tags": ["1", "1.2"],
            },
        ),
    }


def test_an_image_that_is_copied_needs_no_builder_and_has_no_usual_tag(loaded):
    source = f"r.example.com/app@sha256:{'1' * 64}"
    copied = f"{{from: '{source}', registry: main, repository: team/app"

    found = loaded(f"images:\n  bare: {copied}}}\n  tagged: {copied}, tags: ['1']}}\n")

    assert found.image_copies == {
        "bare": ImageCopy(source, "main", "team/app", ()),
        "tagged": ImageCopy(source, "main", "team/app", ("1",)),
    }
    assert found.images == {}
    assert found.programs == ()


@pytest.mark.parametrize(
    ("images", "programs"),
    [
        ("", ()),
        (
            "images: {a: {context: a, registry: main, repository: cache}}",
            ("buildkitd", "pulumi-resource-docker-build"),
        ),
        (
            "images: {a: {context: a, registry: main, repository: cache, builder: far}}",
            ("pulumi-resource-docker-build",),
        ),
        ("publications: {a: {chart: a, registry: main, repository: cache}}", ("helm",)),
    ],
)
def test_what_builds_is_built_for_those_who_use_it(loaded, images, programs):
    assert loaded(images).programs == programs


def test_a_context_that_is_no_folder_is_told_before_anything_begins(loaded, tmp_path):
    found = loaded("images:\n  a:\n    context: a\n    registry: main\n    repository: cache\n")
    (tmp_path / "a").write_text("")

    with pytest.raises(UnavailableError) as told:
        preflight(found)
    assert str(told.value) == (
        "stacks/dev.yaml:6: images.a.context: found 'a', which is no folder; expected what the image is built from"
    )

    (tmp_path / "a").unlink()
    (tmp_path / "a").mkdir()
    preflight(found)


_SEALED = """
sealedSecrets:
  made: {generated: {token: 32}}
  file: {sops: secrets.yaml}
images:
  a: {context: ., registry: main, repository: cache, secrets: {npm: made/token, pip: file/password}}
"""


def test_secrets_of_a_build_are_values_of_sealed_secrets_that_may_go_to_no_cluster(loaded):
    found = loaded(_SEALED)

    assert found.images["a"].secrets == {"npm": ("made", "token"), "pip": ("file", "password")}
    assert (found.sealed_secrets["made"].clusters, found.sealed_secrets["made"].namespace) == ((), "")


def test_a_key_that_a_sealed_file_does_not_have_is_told_before_anything_begins(loaded, tmp_path):
    found = loaded(_SEALED)
    (tmp_path / "secrets.yaml").write_text("pasword: ENC[AES256_GCM,data:x]\nuser: ENC[x]\nsops: {}\n")

    with pytest.raises(SettingsError) as told:
        preflight(found)
    assert str(told.value) == (
        "stacks/dev.yaml:7: sealedSecrets.file.sops: found no 'password' in 'secrets.yaml' (pasword, user); expected it, "
        "since images.a.secrets.pip takes it"
    )

    (tmp_path / "secrets.yaml").write_text("password: ENC[AES256_GCM,data:x]\nsops: {}\n")
    preflight(found)


def test_a_value_of_a_sealed_secret_is_its_text():
    data = {"token": base64.b64encode("grüß".encode()).decode(), "bytes": base64.b64encode(b"\xff").decode()}

    assert sealed_secret._text("made", "token", data) == "grüß"
    with pytest.raises(
        ArgsError, match="sealed secret made: bytes: found bytes that are no text; expected text"
    ):
        sealed_secret._text("made", "bytes", data)
    with pytest.raises(
        ArgsError, match="sealed secret made: found no key 'tokn'; expected one of bytes, token"
    ):
        sealed_secret._text("made", "tokn", data)
