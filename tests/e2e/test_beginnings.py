"""What must be refused before anything is made."""

from atoll.core.errors import Exit


def test_a_malformed_inventory_is_refused_with_all_its_problems_and_nothing_is_made(checkout):
    def spoil(inventory):
        inventory["clusters"]["tern"]["driver"] = "locl"
        inventory["clusters"]["heron"]["nods"] = 3

    with checkout.edited("test", spoil):
        (checkout.folder / "stacks" / "spoilt.yaml").write_text(
            (checkout.folder / "stacks" / "test.yaml").read_text()
        )
    said = checkout.atoll("up", "spoilt", code=Exit.SETTINGS)
    (checkout.folder / "stacks" / "spoilt.yaml").unlink()

    assert said.stdout == ""
    lines = said.stderr.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("stacks/spoilt.yaml:") for line in lines)
    assert "found 'locl'; expected local or kubeconfig" in lines[0]
    assert not list(checkout.home.glob("*/spoilt"))


def test_a_kubeconfig_that_is_not_there_is_said_before_anything_is_made(checkout):
    path = checkout.folder / "stacks" / "absent.yaml"
    path.write_text(
        "controlPlane: {driver: local}\n"
        "clusters:\n"
        "  tern: {driver: kubeconfig, kubeconfig: {file: nowhere.kubeconfig}}\n"
    )
    said = checkout.atoll("up", "absent", code=Exit.UNAVAILABLE)
    path.unlink()

    assert len(said.stderr.splitlines()) == 1
    assert "nowhere.kubeconfig" in said.stderr
    assert not list(checkout.home.glob("*/absent"))


def test_an_unknown_environment_is_told_with_those_there_are(checkout):
    said = checkout.atoll("up", "tset", code=Exit.SETTINGS)

    assert "Did you mean 'test'?" in said.stderr


def test_a_command_outside_a_checkout_says_so(checkout, tmp_path):
    said = checkout.run(["bash", "-c", f"cd {tmp_path} && {checkout.command} up dev"], code=Exit.SETTINGS)

    assert "found no Pulumi.yaml here or above" in said.stderr
