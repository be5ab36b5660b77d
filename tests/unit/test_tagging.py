import pytest

from atoll.core.errors import ArgsError
from atoll.platform import tagging
from atoll.platform.declaration import Declaration
from atoll.platform.tagging import Tags

_KNOWN = {
    "clusters": ["lagoon"],
    "groups": ["north"],
    "propagations": ["guestbook"],
    **{
        key: []
        for key in (
            "bundles",
            "keys",
            "sealedSecrets",
            "registries",
            "images",
            "publications",
            "containers",
            "releases",
        )
    },
}


def _problems(tags):
    declared = Declaration.model_validate({"controlPlane": {"driver": "local"}, "tags": tags})
    return list(tagging.problems(declared, _KNOWN))


def test_each_part_can_be_named():
    assert not _problems(
        {"shop": ["propagations.guestbook", "clusters.lagoon", "groups.north", "controlPlane"]}
    )


@pytest.mark.parametrize(
    ("tags", "path", "text"),
    [
        ({"shop": ["propagations.gestbook"]}, ("tags", "shop", 0), "Did you mean 'propagations.guestbook'?"),
        ({"shop": ["guestbook"]}, ("tags", "shop", 0), "found 'guestbook'; expected controlPlane, "),
        ({"keys": []}, ("tags", "keys"), "found 'keys'; expected another name (it has a meaning of its own)"),
        ({"never": []}, ("tags", "never"), "expected another name"),
        ({"a b": []}, ("tags", "a b"), "expected a DNS label"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_tags_of_what_is_not_there_are_refused(tags, path, text):
    ((found, told),) = _problems(tags)
    assert found == path
    assert text in told


@pytest.mark.parametrize(
    ("wanted", "skipped", "tags", "expected"),
    [
        ([], [], [], True),
        (["keys"], [], ["keys"], True),
        (["keys"], [], ["images"], False),
        (["keys,images"], [], ["images"], True),
        (["keys", "images"], [], ["images"], True),
        ([], ["keys"], ["keys", "shop"], False),
        ([], ["keys"], ["images"], True),
        (["shop"], ["keys"], ["keys", "shop"], False),
        (["all"], [], [], True),
        (["tagged"], [], ["keys"], False),
        (["tagged"], [], ["keys", "shop"], True),
        (["untagged"], [], ["keys"], True),
        (["untagged"], [], ["keys", "shop"], False),
        (["keys"], [], ["images", "always"], True),
        (["keys"], ["always"], ["images", "always"], False),
        ([], ["all"], ["keys"], False),
    ],
)
def test_tags_choose_as_in_ansible(wanted, skipped, tags, expected):
    assert Tags(wanted, skipped, ["shop", "always"]).choose(tags) is expected


@pytest.mark.parametrize("option", ["--tags", "--skip-tags"])
def test_a_tag_that_nobody_has_is_refused_with_the_nearest(option):
    words = {"--tags": (["shpo"], []), "--skip-tags": ([], ["shpo"])}[option]
    with pytest.raises(ArgsError, match=rf"^{option}: found 'shpo'; expected tag .*Did you mean 'shop'\?$"):
        Tags(*words, ["shop"])
