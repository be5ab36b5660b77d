"""Images in the values of releases, and the leaves of objects that are known once an image is built."""

import json

import pytest

from atoll.charts import weaving
from atoll.core.errors import ArgsError
from atoll.platform import image_values

_VALUES = {
    "image": {"repository": "${images.app.repository}", "digest": "${images.app.digest}"},
    "args": ["--as=${images.app.ref}", "${other}", "$${images}", 3, None],
}
_PARTS = {"app": {"ref": "r/a@sha256:1", "repository": "r/a", "digest": "sha256:1"}}


def test_what_values_say_of_images_is_filled_in_and_nothing_else():
    assert image_values.used(_VALUES) == {"app"}
    assert image_values.filled(_VALUES, _PARTS) == {
        "image": {"repository": "r/a", "digest": "sha256:1"},
        "args": ["--as=r/a@sha256:1", "${other}", "$${images}", 3, None],
    }
    assert list(image_values.problems(_VALUES, ["app"])) == []


def test_pieces_that_are_no_texts_yet_are_joined_by_whoever_knows_how():
    marker = object()
    parts = {"app": {"digest": marker}}

    assert image_values.filled({"a": "x-${images.app.digest}"}, parts, tuple) == {"a": ("x-", marker, "")}


def test_stand_ins_differ_in_every_part_and_are_images_by_their_form():
    one, other = (image_values.stand_ins({"app": "team/app"}, letter)["app"] for letter in "ab")

    assert one["ref"] == f"a.invalid/team/app@sha256:{'a' * 64}"
    assert all(one[part] != other[part] for part in image_values.PARTS)


def _rendered(image, checksum, **metadata):
    pod = {"image": image, "args": [], "env": None}
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"level": "info"}},
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "d", "annotations": {"checksum": checksum}, **metadata},
            "spec": {"replicas": 2, "pod": pod},
        },
    ]


_IMAGE, _CHECKSUM = (1, "spec", "pod", "image"), (1, "metadata", "annotations", "checksum")


def test_what_differs_between_two_renderings_waits_a_checksum_over_it_too():
    one, other = _rendered("a", "1"), _rendered("b", "2")
    late = weaving.later(one, other, "release d")
    found = weaving.woven(one, late, lambda path: ("later", path))

    assert late == {_IMAGE, _CHECKSUM}
    assert found == _rendered(("later", _IMAGE), ("later", _CHECKSUM))
    assert weaving.later(one, one, "release d") == frozenset()


def test_a_rendering_is_as_expected_but_for_what_waits():
    late = frozenset({_IMAGE, _CHECKSUM})
    wanted = json.loads(json.dumps(weaving.expected(_rendered("a", "1"), late)))
    changed = _rendered("real", "3")
    changed[1]["spec"]["replicas"] = 3
    changed[1]["spec"]["more"] = [1, 2, 3]

    assert weaving.differing(wanted, _rendered("real", "3")) == ""
    assert weaving.at(_rendered("real", "3"), _IMAGE) == "real"
    assert weaving.differing(wanted, changed) == (
        "Deployment d spec.more.0, Deployment d spec.more.1, Deployment d spec.more.2 and 1 more"
    )
    assert weaving.differing(wanted, _rendered("real", "3")[:1]).startswith("an object, an object")
    # An empty list is a leaf like any other.
    changed = _rendered("real", "3")
    del changed[1]["spec"]["pod"]["args"]
    assert weaving.differing(wanted, changed) == "Deployment d spec.pod.args"


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (_rendered("b", "1")[:1], "Deployment d"),
        (_rendered("b", "1", name="e"), "Deployment d metadata.name"),
        (_rendered("b", "1", namespace="n"), "Deployment d metadata.namespace"),
    ],
    ids=["less", "name", "namespace"],
)
def test_what_there_is_and_what_it_is_called_depends_on_no_image(other, told):
    with pytest.raises(ArgsError, match=rf"release d: found {told}.* to depend on what an image is called"):
        weaving.later(_rendered("a", "1"), other, "release d")
