import gzip
import io
import json
import stat
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.automation import archives, manifests
from atoll.automation.manifests import Entry, Manifest
from atoll.core.errors import IntegrityError, RefusedError

CONTENT = {
    "environment/kms/keys.json": b"keys",
    "environment/clusters/reef/etcd/member/snap/db": b"\0" * 100_000 + b"end",
    "environment/empty": b"",
    "stacks/base.yaml": b"vars: {}\n",
}


@pytest.fixture
def sources(tmp_path):
    found = {}
    for number, (name, content) in enumerate(CONTENT.items()):
        found[name] = tmp_path / f"source{number}"
        found[name].write_bytes(content)
    return found


def _manifest(listed):
    return Manifest("0.1.0", "atoll", "reef", "2026-01-01T00:00:00+00:00", listed)


def _packed(sources):
    target = io.BytesIO()
    archives.pack(target, _manifest(archives.entries(sources)), sources)
    return target.getvalue()


def _tar(members):
    """An archive by hand: (name or member, content) each."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        for each, content in members:
            member = each if isinstance(each, tarfile.TarInfo) else tarfile.TarInfo(each)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return target.getvalue()


def _text(**files):
    listed = {name: Entry(size, "0" * 64) for name, size in files.items()}
    return _manifest(listed).text().encode()


def test_what_was_packed_is_unpacked_for_its_owner_alone(sources, tmp_path):
    folder = tmp_path / "to"

    found = archives.unpack(io.BytesIO(_packed(sources)), folder)

    assert found == _manifest(archives.entries(sources))
    assert {name: (folder / name).read_bytes() for name in CONTENT} == CONTENT
    modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}
    assert modes == {0o600, 0o700}


@pytest.mark.parametrize("place", range(0, 400, 7))
def test_an_archive_that_was_changed_or_cut_off_is_refused(sources, tmp_path, place):
    packed = bytearray(_packed(sources))
    for changed in (packed[:place], packed[:place] + bytes([packed[place] ^ 0x41]) + packed[place + 1 :]):
        # The header of gzip holds a time and a system that nobody reads.
        if len(changed) == len(packed) and place in range(4, 10):
            continue
        folder = tmp_path / str(len(changed))
        with pytest.raises(IntegrityError):
            archives.unpack(io.BytesIO(bytes(changed)), folder)


@pytest.mark.parametrize(
    "name",
    [
        "../outside",
        "environment/../../outside",
        "/outside",
        "environment",
        "environment/./a",
        "environment//a",
        "stacks/deep/a.yaml",
        "stacks/..",
        "elsewhere/a",
        "environment/a\0b",
        "",
    ],
)
def test_a_manifest_that_names_what_lies_outside_is_refused(name, tmp_path):
    with pytest.raises(IntegrityError, match="found a file named"):
        archives.unpack(
            io.BytesIO(_tar([("manifest.json", _text(**{name: 0})), (name, b"")])), tmp_path / "to"
        )
    assert list(tmp_path.iterdir()) == []


@given(st.text(alphabet=st.sampled_from("a./\\\0environmentstacks"), max_size=30))
def test_no_name_that_is_taken_leads_out_of_the_folder(tmp_path_factory, name):
    folder = tmp_path_factory.getbasetemp() / "to"
    try:
        Manifest.parse(_text(**{name: 0}))
    except IntegrityError:
        return
    assert (folder / name).resolve().is_relative_to(folder.resolve())
    assert (folder / name).resolve() not in {folder, folder / "environment", folder / "stacks"}


def _link(name, kind):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, "/etc/passwd"
    return member


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE])
def test_nothing_but_files_is_taken(kind, tmp_path):
    name = "environment/a"
    with pytest.raises(IntegrityError, match="found 'environment/a'; expected what the manifest says"):
        archives.unpack(
            io.BytesIO(_tar([("manifest.json", _text(**{name: 0})), (_link(name, kind), b"")])), tmp_path
        )
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ([], "found no manifest at its beginning"),
        ([("environment/a", b"")], "found no manifest at its beginning"),
        ([("manifest.json", b"{")], "found no manifest that can be read"),
        ([("manifest.json", b"[]")], "found no manifest that can be read"),
        ([("manifest.json", b'{"version": 0, "files": {}}')], "found no manifest that can be read"),
        ([("manifest.json", _text(**{"environment/a": 1}))], "found no 'environment/a'"),
        ([("manifest.json", _text(**{"environment/a": 1})), ("environment/a", b"")], "found 'environment/a'"),
        (
            [("manifest.json", _text(**{"environment/a": 1})), ("environment/a", b"x")],
            "found 'environment/a' changed",
        ),
        ([("manifest.json", _text()), ("environment/a", b"x")], "found 'environment/a'"),
    ],
)
def test_what_is_not_as_the_manifest_says_is_refused(members, told, tmp_path):
    with pytest.raises(IntegrityError, match=told):
        archives.unpack(io.BytesIO(_tar(members)), tmp_path)


def test_a_file_that_is_there_twice_is_refused(sources, tmp_path):
    twice = [("stacks/base.yaml", CONTENT["stacks/base.yaml"])] * 2
    text = _manifest(archives.entries({"stacks/base.yaml": sources["stacks/base.yaml"]})).text().encode()

    with pytest.raises(IntegrityError, match=r"found 'stacks/base.yaml'; expected what"):
        archives.unpack(io.BytesIO(_tar([("manifest.json", text), *twice])), tmp_path)


def test_the_backup_of_a_later_atoll_is_refused_with_its_version():
    text = json.dumps({"version": 2, "atoll": "9.9.9", "what": "nobody knows yet"})

    with pytest.raises(
        RefusedError, match=r"found a backup of version 2 \(by Atoll 9.9.9\); expected at most 1"
    ):
        Manifest.parse(text)


def test_a_manifest_says_the_same_of_the_same(sources):
    made = _manifest(archives.entries(sources))

    assert Manifest.parse(made.text()) == made
    assert made.sizes() == sum(map(len, CONTENT.values()))
    assert _packed(sources) == _packed(sources)
    assert gzip.decompress(_packed(sources)).startswith(manifests.NAME.encode())


def test_an_environment_has_its_own_stack_files_and_those_it_copies():
    assert manifests.stack_files("dev") == ["base.yaml", "dev.yaml", "Pulumi.dev.yaml"]
    assert manifests.stack_files("test-1") == ["base.yaml", "test-1.yaml", "test.yaml", "Pulumi.test-1.yaml"]
