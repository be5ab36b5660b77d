"""`ChartPublication` in a program: its inputs reach the resource, and no login does."""

import json

from atoll.charts.publication import ChartPublication, ChartPublicationArgs
from atoll.testing import plain, recording
from harness import environments


def test_a_publication_is_one_resource_that_names_a_file_of_logins_and_holds_none():
    args = ChartPublicationArgs(
        chart="charts/service", repository="oci://registry.example/charts", logins="docker/config.json"
    )

    found = recording.record(lambda: ChartPublication("service", args), "dev")

    (made,) = found.of_type("atoll:index:ChartPublication")
    assert plain(made.inputs) == dict(args)
    assert made.urn == "urn:pulumi:dev::atoll::atoll:index:ChartPublication::service"


def test_a_publication_of_an_inventory_knows_its_registry_and_no_login_of_it():
    found = environments.recorded("dev")
    (made,) = found.of_type("atoll:index:ChartPublication")

    assert plain(made.inputs) == {
        "chart": "charts/service",
        # What the recording engine gives for the repository, without its last part.
        "repository": "oci://depot-charts/service-oci",
        "registry": {"kind": "oci", "registry": "depot"},
    }
    assert {urn.rpartition("::")[2] for urn in made.request.dependencies} == {"depot-charts/service-oci"}


def test_a_release_of_a_publication_is_rendered_by_what_the_registry_has_and_waits_for_that():
    found = environments.recorded("dev")
    (made,) = found.of_type("atoll:index:RenderedChart")
    written = [each for each in found.resources.values() if each.name.endswith("guestbook.visits")]

    inputs = plain(made.inputs)
    assert inputs["source"] == {"oci": "service/reference"}
    assert inputs["registry"] == {"kind": "oci", "registry": "depot"}
    assert json.loads(inputs["values"])["replicas"] == 2
    assert not any(may_differ for _path, _leaf, may_differ in json.loads(inputs["expected"]))
    assert len(written) == 5
    assert all(made.urn in each.request.dependencies for each in written)
