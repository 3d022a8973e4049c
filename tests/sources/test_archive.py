"""Archives are read like folders; hostile and damaged ones are refused."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile

import pytest
from bad_sources import PATIENTS, assert_refused
from conftest import ingest_into
from scan_writers import make_scan, write_dicom, write_kaggle, write_nifti

from components.common.errors import UserError
from components.sources import archive, open_source


@pytest.fixture
def tree(tmp_path):
    for name in PATIENTS:
        write_kaggle(tmp_path / "in", make_scan(name))
    return tmp_path / "in"


def pack(tree, target, inside="kaggle_3m"):
    if target.suffix == ".zip":
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
            for path in sorted(tree.rglob("*.*")):
                packed.write(path, f"{inside}/{path.relative_to(tree)}")
    else:
        with tarfile.open(target, "w:gz" if target.suffix in (".gz", ".tgz") else "w") as packed:
            packed.add(tree, inside)
    return target


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz", ".tgz"])
def test_an_archive_is_ingested_like_its_folder(tmp_path, tree, suffix, monkeypatch):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    packed = pack(tree, tmp_path / f"scans{suffix}")
    ingest_into(tmp_path / "one", tree)
    ingest_into(tmp_path / "two", packed)
    written = [path for path in (tmp_path / "one").rglob("*") if path.is_file()]
    assert len(written) == 2 * len(PATIENTS) + 2
    for path in written:
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.parametrize("write", [write_nifti, write_dicom])
def test_archives_of_any_format_are_read(tmp_path, write):
    for name in PATIENTS:
        write(tmp_path / "in", make_scan(name))
    with open_source(pack(tmp_path / "in", tmp_path / "scans.zip", inside="export/day 1")) as source:
        assert source.patients == PATIENTS
        assert source.read(PATIENTS[0]).problems == []


def zip_with(path, name, data=b"x", mode=0o100644):
    with zipfile.ZipFile(path, "a") as packed:
        member = zipfile.ZipInfo(name)
        member.external_attr = mode << 16
        packed.writestr(member, data)


def tar_with(path, name, kind=tarfile.REGTYPE, link=""):
    with tarfile.open(path, "a") as packed:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, link
        packed.addfile(member, io.BytesIO())


def bomb(path):
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed,
        packed.open("a.tif", "w", force_zip64=True) as file,
    ):
        for _ in range(600):
            file.write(bytes(1_000_000))


def encrypt(path):
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(signature) + offset] |= 1
    path.write_bytes(bytes(data))


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def damage(path):
    data = bytearray(path.read_bytes())
    data[1000:1040] = b"\xff" * 40
    path.write_bytes(bytes(data))


def member_offset(path, index):
    with tarfile.open(path) as packed:
        return packed.getmembers()[index].offset


def damage_header(path):
    """Damage a later header: tarfile alone would take it for the end of the archive."""
    start, data = member_offset(path, 2), bytearray(path.read_bytes())
    data[start : start + 40] = b"\xff" * 40
    path.write_bytes(bytes(data))


def recompress(path, corrupt):
    """Corrupt the tar inside a .tar.gz, and keep the checksum of the .tar.gz right."""
    inner = path.with_suffix(".inner")
    inner.write_bytes(gzip.decompress(path.read_bytes()))
    corrupt(inner)
    path.write_bytes(gzip.compress(inner.read_bytes()))


def wrong_checksum(path):
    data = bytearray(path.read_bytes())
    data[-8] ^= 1
    path.write_bytes(bytes(data))


HOSTILE = {
    "zip slip": (".zip", lambda p: zip_with(p, "../evil.tif"), "outside of the folder"),
    "zip slip, backslashes": (".zip", lambda p: zip_with(p, "..\\evil.tif"), "outside of the folder"),
    "absolute path": (".zip", lambda p: zip_with(p, "/evil.tif"), "outside of the folder"),
    "link in a zip": (".zip", lambda p: zip_with(p, "link", b"/etc/passwd", 0o120777), "outside of the folder"),
    "zip bomb": (".zip", bomb, "would grow"),
    "encrypted": (".zip", encrypt, "encrypted"),
    "cut zip": (".zip", cut, "damaged archive"),
    "damaged zip": (".zip", damage, "damaged archive"),
    "not a zip": (".zip", lambda p: p.write_text("hello", encoding="utf-8"), "damaged archive"),
    "empty zip": (".zip", lambda p: zipfile.ZipFile(p, "w").close(), "no scans found"),
    "tar slip": (".tar", lambda p: tar_with(p, "../evil.tif"), "outside of the folder"),
    "link in a tar": (".tar", lambda p: tar_with(p, "link", tarfile.SYMTYPE, "/etc/passwd"), "links or devices"),
    "device in a tar": (".tar", lambda p: tar_with(p, "null", tarfile.CHRTYPE), "links or devices"),
    "cut tar": (".tar", cut, "damaged archive"),
    "cut tar.gz": (".tar.gz", cut, "damaged archive"),
    "damaged tar.gz": (".tar.gz", damage, "damaged archive"),
    "damaged header in a tar": (".tar", damage_header, "damaged archive"),
    "damaged header in a tar.gz": (".tar.gz", lambda p: recompress(p, damage_header), "damaged archive"),
    "tar cut between members": (
        ".tar",
        lambda p: p.write_bytes(p.read_bytes()[: member_offset(p, 2)]),
        "damaged archive",
    ),
    "wrong checksum": (".tar.gz", wrong_checksum, "damaged archive"),
    "not a tar": (".tar", lambda p: p.write_text("hello", encoding="utf-8"), "damaged archive"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_or_damaged_archive_is_refused(tmp_path, tree, kind):
    suffix, corrupt, message = HOSTILE[kind]
    packed = pack(tree, tmp_path / f"scans{suffix}")
    corrupt(packed)
    assert_refused(tmp_path, packed, message)
    assert not list(tmp_path.rglob("evil*"))


def test_an_archive_larger_than_the_disk_is_refused(tmp_path, tree, monkeypatch):
    packed = pack(tree, tmp_path / "scans.zip")
    usage = archive.shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(archive.shutil, "disk_usage", lambda path: usage)
    assert_refused(tmp_path, packed, "set TMPDIR to a larger disk")


def test_a_missing_archive_is_named():
    with pytest.raises(UserError, match=r"nowhere\.zip: no such file"), open_source("nowhere.zip"):
        pass
