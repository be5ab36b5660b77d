"""`ChartPublication` in a program: its inputs reach the resource, and no login does."""

from atoll.charts.publication import ChartPublication, ChartPublicationArgs
from harness import recording
from harness.recording import plain


def test_a_publication_is_one_resource_that_names_a_file_of_logins_and_holds_none():
    args = ChartPublicationArgs(
        chart="charts/service", repository="oci://registry.example/charts", logins="docker/config.json"
    )

    found = recording.record(lambda: ChartPublication("service", args), "dev")

    (made,) = found.of_type("atoll:index:ChartPublication")
    assert plain(made.inputs) == dict(args)
    assert made.urn == "urn:pulumi:dev::atoll::atoll:index:ChartPublication::service"
