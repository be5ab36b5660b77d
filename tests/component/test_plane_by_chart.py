"""A control plane by its chart is given the cluster that it goes onto, and what the inventory says of it."""

import yaml

from atoll.core import naming
from atoll.testing import open_texts, plain


def _by_chart(values):
    values["controlPlane"] = yaml.safe_load(
        "{driver: chart, cluster: reef, endpoint: 'https://k.example.com:5443/', replicas: 5, storageClass: fast, timeout: 2m}"
    )


def test_it_is_given_its_cluster_and_its_settings(edited):
    (plane,) = edited("dev", _by_chart).of_type(":ChartControlPlane")
    inputs = plain(plane.inputs)

    assert inputs["cluster"] == "reef-local/access"
    assert inputs["cluster"] not in open_texts(plane.inputs)
    assert (inputs["endpoint"], inputs["namespace"]) == ("https://k.example.com:5443", "karmada-system")
    assert (inputs["replicas"], inputs["storageClass"], inputs["timeoutSeconds"]) == (5, "fast", 120)
    assert plane.type == naming.type_token("ChartControlPlane")
