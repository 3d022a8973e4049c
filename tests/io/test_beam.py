from __future__ import annotations

import json
import re
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from conftest import ROOT

from components.common.errors import UserError
from components.io.beam import reachable, run_pipeline
from components.io.storage import Storage

HERE = ["--runner=FnApiRunner"]
STORAGE = "gs://scans/work"


class Note(beam.DoFn):
    """Write each group to a file of its key."""

    def __init__(self, folder):
        self.folder = folder

    def process(self, element):
        key, values = element
        Path(self.folder, f"{key}.json").write_text(json.dumps(sorted(values)), encoding="utf-8")


def test_a_worker_gets_a_key_once_with_all_its_values(tmp_path):
    run_pipeline([("a", 1), ("b", 2), ("a", 3)], Note(str(tmp_path)), HERE)
    assert {path.name: json.loads(path.read_text()) for path in tmp_path.iterdir()} == {"a.json": [1, 3], "b.json": [2]}


def documented_flags():
    """Flags of each row of the how-to's table."""
    for line in (ROOT / "docs" / "how-to" / "beam.md").read_text(encoding="utf-8").splitlines():
        flags = re.findall(r"`(--\w+=[^`]+)`", line)
        if flags:
            yield pytest.param([re.sub(r"=(HOST:)?PORT$", "=localhost:1", flag) for flag in flags], id=flags[0])


@pytest.mark.parametrize("flags", documented_flags())
def test_documented_flags_are_flags_of_beam(flags):
    known = PipelineOptions(flags).get_all_options()
    assert {flag.split("=")[0].removeprefix("--") for flag in flags} <= set(known)


@pytest.mark.parametrize(
    "flag",
    ["--no_use_public_ips", "--worker_machine_type=n1-standard-4", "--experiment=use_runner_v2", "--label=team=mri"],
)
def test_flags_whose_option_has_another_name_are_taken(tmp_path, flag):
    run_pipeline([("a", 1)], Note(str(tmp_path)), [*HERE, flag])
    assert (tmp_path / "a.json").exists()


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--runner=DirectRuner"], "DirectRuner"),
        (["--runer=DirectRunner"], "Beam has no flag --runer"),
        (["DirectRunner"], "Beam has no flag DirectRunner"),
        (["--direct_num_workers=two"], "argument --direct_num_workers: invalid int value: 'two'"),
        (["--direct_num_workers", "2"], "argument --direct_num_workers: expected one argument"),
        (["--direct_running_mode=fast"], "invalid choice: 'fast'"),
    ],
)
def test_a_wrong_flag_is_told_in_one_line_before_any_work(tmp_path, capfd, flags, says):
    with pytest.raises(UserError, match=re.escape(says)) as error:
        run_pipeline([("a", 1)], Note(str(tmp_path)), flags)
    assert str(error.value).startswith("params.yaml: convert.beam_args: ")
    assert "\n" not in str(error.value)
    assert capfd.readouterr().err == ""
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def inputs(tmp_path):
    """Two folders of files, one of them deep."""
    for name in ("one/a.txt", "two/b/c.txt"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text(name, encoding="utf-8")
    (tmp_path / "out").mkdir()
    return {"one": tmp_path / "in" / "one", "two": tmp_path / "in" / "two"}


def test_workers_on_this_disk_get_the_folders_themselves(inputs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # workers may run elsewhere, so addresses must not be relative
    with reachable({"one": Path("in/one")}, Path("out"), None, "job") as (near, target):
        assert near == {"one": str(inputs["one"])}
        assert target == str(tmp_path / "out")


def test_workers_elsewhere_get_copies_and_what_they_write_comes_back(inputs, tmp_path, bucket):
    with reachable(inputs, tmp_path / "out", STORAGE, "job") as (near, target):
        assert all(address.startswith(f"{STORAGE}/glioflow-job-") for address in (*near.values(), target))
        assert (Storage(near["one"]).files, Storage(near["two"]).files) == (["a.txt"], ["b/c.txt"])
        assert Storage(near["two"]).open("b/c.txt").read() == b"two/b/c.txt"
        (tmp_path / "made").write_text("result", encoding="utf-8")
        Storage(target).put(tmp_path / "made", "d/e.txt")
    assert (tmp_path / "out" / "d" / "e.txt").read_text(encoding="utf-8") == "result"
    assert list(bucket.list_blobs()) == []


def failing_job(inputs, folder, places):
    with reachable(inputs, folder, f"{STORAGE}/", "job") as (near, _):
        places += near.values()
        assert Storage(near["one"]).files == ["a.txt"]
        raise ZeroDivisionError


def test_two_jobs_do_not_meet_in_a_storage(inputs, tmp_path, bucket):
    with reachable(inputs, tmp_path / "out", STORAGE, "job") as (near, target):
        Storage(target).put(inputs["one"] / "a.txt", "a.txt")
        with pytest.raises(ZeroDivisionError):
            failing_job(inputs, tmp_path / "out", places := [])
        assert not set(near.values()) & set(places)
        assert Storage(near["one"]).files == ["a.txt"]  # the other's end removed nothing of this one
    assert list(bucket.list_blobs()) == []


def test_a_job_that_fails_leaves_nothing_in_the_storage(inputs, tmp_path, bucket):
    with pytest.raises(ZeroDivisionError):
        failing_job(inputs, tmp_path / "out", [])
    assert list(bucket.list_blobs()) == []
    assert list((tmp_path / "out").iterdir()) == []


def test_a_storage_that_is_not_there_is_named(inputs, tmp_path, bucket):
    with (
        pytest.raises(UserError, match=r"gs://nowhere/jobs/glioflow-job-.*: not accessible"),
        reachable(inputs, tmp_path / "out", "gs://nowhere/jobs", "job"),
    ):
        pytest.fail("no worker could have worked")
