"""The images of an inventory, and the programs that they need."""

import pytest

from atoll.core.errors import UnavailableError
from atoll.platform import load, preflight
from atoll.platform.inventory import Image, ImageCopy

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
