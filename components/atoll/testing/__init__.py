"""Tests of programs that use Atoll's components, without an engine, a cluster or a cloud.

    from atoll.testing import plain, record

    def test_the_cluster_has_two_nodes():
        found = record(lambda: Cluster("lagoon", ClusterArgs(driver=Driver.LOCAL, nodes=2)), "dev")
        (made,) = found.of_type(":LocalCluster")
        assert plain(made.inputs)["nodes"] == 2

Nothing of Atoll's own imports it.
"""

from atoll.testing.recording import Record, Registered, Secret, open_texts, plain, record

__all__ = ["Record", "Registered", "Secret", "open_texts", "plain", "record"]
