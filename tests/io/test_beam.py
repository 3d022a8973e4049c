"""Beam jobs: their flags, their keys, and what they copy to and from a storage."""

from __future__ import annotations

import json
import re
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from conftest import ROOT

from components.common.errors import UserError
from components.io.beam import run_pipeline, worker_paths
from components.io.storage import Storage

LOCAL = ["--runner=FnApiRunner"]
STORAGE = "gs://scans/work"


class WriteGroups(beam.DoFn):
    """Write each group to a file named after its key."""

    def __init__(self, folder):
        self.folder = folder

    def process(self, element):
        key, values = element
        Path(self.folder, f"{key}.json").write_text(json.dumps(sorted(values)), encoding="utf-8")


def test_a_worker_gets_a_key_once_with_all_its_values(tmp_path):
    run_pipeline([("a", 1), ("b", 2), ("a", 3)], WriteGroups(str(tmp_path)), LOCAL)
    assert {path.name: json.loads(path.read_text()) for path in tmp_path.iterdir()} == {"a.json": [1, 3], "b.json": [2]}


def documented_flags():
    """Flags of each row of the how-to's table."""
    for line in (ROOT / "docs" / "how-to" / "beam.md").read_text(encoding="utf-8").splitlines():
        flags = re.findall(r"`(--\w+=[^`]+)`", line)
        if flags:
            yield pytest.param([re.sub(r"=(HOST:)?PORT$", "=localhost:1", flag) for flag in flags], id=flags[0])


@pytest.mark.parametrize("flags", documented_flags())
def test_documented_flags_exist_in_beam(flags):
    known = PipelineOptions(flags).get_all_options()
    assert {flag.split("=")[0].removeprefix("--") for flag in flags} <= set(known)


@pytest.mark.parametrize(
    "flag",
    ["--no_use_public_ips", "--worker_machine_type=n1-standard-4", "--experiment=use_runner_v2", "--label=team=mri"],
)
def test_flags_whose_option_has_another_name_are_accepted(tmp_path, flag):
    run_pipeline([("a", 1)], WriteGroups(str(tmp_path)), [*LOCAL, flag])
    assert (tmp_path / "a.json").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--runner=DirectRuner"], "DirectRuner"),
        (["--runer=DirectRunner"], "Beam has no flag --runer"),
        (["DirectRunner"], "Beam has no flag DirectRunner"),
        (["--direct_num_workers=two"], "argument --direct_num_workers: invalid int value: 'two'"),
        (["--direct_num_workers", "2"], "argument --direct_num_workers: expected one argument"),
        (["--direct_running_mode=fast"], "invalid choice: 'fast'"),
    ],
)
def test_a_wrong_flag_is_reported_in_one_line_before_any_work(tmp_path, capfd, flags, message):
    with pytest.raises(UserError, match=re.escape(message)) as error:
        run_pipeline([("a", 1)], WriteGroups(str(tmp_path)), flags)
    assert str(error.value).startswith("params.yaml: convert.beam_args: ")
    assert "\n" not in str(error.value)
    assert capfd.readouterr().err == ""
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def inputs(tmp_path):
    """Two folders of files, one of them nested."""
    for name in ("one/a.txt", "two/b/c.txt"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text(name, encoding="utf-8")
    (tmp_path / "out").mkdir()
    return {"one": tmp_path / "in" / "one", "two": tmp_path / "in" / "two"}


def test_local_workers_get_the_folders_themselves(inputs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # workers may run elsewhere, so addresses must not be relative
    with worker_paths({"one": Path("in/one")}, Path("out"), None, "job") as (addresses, target):
        assert addresses == {"one": str(inputs["one"])}
        assert target == str(tmp_path / "out")


def test_remote_workers_get_copies_and_their_output_is_fetched(inputs, tmp_path, bucket):
    with worker_paths(inputs, tmp_path / "out", STORAGE, "job") as (addresses, target):
        assert all(address.startswith(f"{STORAGE}/glioflow-job-") for address in (*addresses.values(), target))
        assert (Storage(addresses["one"]).files, Storage(addresses["two"]).files) == (["a.txt"], ["b/c.txt"])
        assert Storage(addresses["two"]).open("b/c.txt").read() == b"two/b/c.txt"
        (tmp_path / "made").write_text("result", encoding="utf-8")
        Storage(target).put(tmp_path / "made", "d/e.txt")
    assert (tmp_path / "out" / "d" / "e.txt").read_text(encoding="utf-8") == "result"
    assert list(bucket.list_blobs()) == []


def failing_job(inputs, folder, used):
    with worker_paths(inputs, folder, f"{STORAGE}/", "job") as (addresses, _):
        used += addresses.values()
        assert Storage(addresses["one"]).files == ["a.txt"]
        raise ZeroDivisionError


def test_two_jobs_do_not_collide_in_a_storage(inputs, tmp_path, bucket):
    with worker_paths(inputs, tmp_path / "out", STORAGE, "job") as (addresses, target):
        Storage(target).put(inputs["one"] / "a.txt", "a.txt")
        with pytest.raises(ZeroDivisionError):
            failing_job(inputs, tmp_path / "out", used := [])
        assert not set(addresses.values()) & set(used)
        assert Storage(addresses["one"]).files == ["a.txt"]  # the failed job's clean-up removed nothing of this one
    assert list(bucket.list_blobs()) == []


def test_a_failed_job_leaves_nothing_in_the_storage(inputs, tmp_path, bucket):
    with pytest.raises(ZeroDivisionError):
        failing_job(inputs, tmp_path / "out", [])
    assert list(bucket.list_blobs()) == []
    assert list((tmp_path / "out").iterdir()) == []


def test_a_missing_storage_is_named(inputs, tmp_path, bucket):
    with (
        pytest.raises(UserError, match=r"gs://nowhere/jobs/glioflow-job-.*: not accessible"),
        worker_paths(inputs, tmp_path / "out", "gs://nowhere/jobs", "job"),
    ):
        pytest.fail("no worker could have worked")
