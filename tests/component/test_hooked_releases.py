"""Releases with hooks: each belongs to the one cluster that helm makes it in, and so the recap counts it there."""

import pytest

from atoll.automation.events import Reader

_NAME = "ingress"


@pytest.fixture
def found(edited):
    def change(values):
        values.setdefault("releases", {})[_NAME] = {
            "chart": {"repository": "https://charts.example.com", "chart": "ingress", "version": "1.2.3"},
            "namespace": "guestbook",
            "groups": ["north"],
            "hooks": True,
        }

    return edited("dev", change)


def test_all_that_a_release_consists_of_concerns_its_cluster(found):
    reader = Reader()
    for urn, each in found.resources.items():
        event = {"urn": urn, "op": "same", "new": {"parent": each.request.parent}}
        list(reader.read({"resourcePreEvent": {"metadata": event}}, 0))

    of_releases = {urn: reader.place(urn) for urn in found.resources if f"::{_NAME}-" in urn}

    told = {
        (urn.split("::")[2].rpartition(":")[2], urn.split("::")[3]): at for urn, at in of_releases.items()
    }
    assert told == {
        (kind, f"{_NAME}-{cluster}{role}"): cluster
        for cluster in ("lagoon", "reef")
        for kind, role in (
            ("Release", ""),
            ("ChartValues", "-values"),
            ("Release", "-release"),
            ("ReleasedObjects", "-objects"),
        )
    }
