"""Stage convert writes every slice unchanged, with the same bytes whatever its Beam workers."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path

import grpc
import numpy as np
import pytest
import tensorflow as tf

from components.common.errors import UserError
from components.common.tables import read_splits
from components.convert.stage import convert
from components.scans.scan_files import read_scan
from models.examples import FEATURES


def records(folder, split_name):
    files = sorted(str(path) for path in (folder / f"Split-{split_name}").iterdir())
    for record in tf.data.TFRecordDataset(files, compression_type="GZIP"):
        parsed = tf.io.parse_single_example(record, FEATURES)
        parsed["neighbors"] = parsed["neighbors"].values
        yield {name: value.numpy() for name, value in parsed.items()}


@pytest.mark.parametrize("split_name", ["train", "val", "test"])
def test_every_slice_arrives_unchanged_in_its_split(data, split_name):
    splits = read_splits(data / "splits.csv").query(f"split == '{split_name}'")
    scans = {name: read_scan(data / "scans", name) for name in splits["patient"]}
    found = Counter()
    for record in records(data / "examples", split_name):
        name, at = record["patient"].decode(), int(record["slice"]) - 1
        found[name] += 1
        image, mask = scans[name].image[at], scans[name].mask[at]
        np.testing.assert_array_equal(np.frombuffer(record["image"], np.uint8).reshape(image.shape), image)
        np.testing.assert_array_equal(np.frombuffer(record["mask"], np.uint8).reshape(mask.shape), mask)
        assert record["tumor_pixels"] == mask.sum()
        assert record["has_tumor"] == mask.any()
        assert record["mean_flair"] == pytest.approx(image[..., 1].mean())
        assert record["std_post"] == pytest.approx(image[..., 2].std())
        assert record["missing_pre"] == scans[name].missing_sequences()["pre"]
    assert found == {name: len(scan.image) for name, scan in scans.items()}


def assert_same_bytes(data, folder):
    one = {path.relative_to(data / "examples"): path for path in (data / "examples").rglob("*.gz")}
    two = {path.relative_to(folder): path for path in folder.rglob("*.gz")}
    assert sorted(one) == sorted(two)
    assert len(one) > 3
    assert all(one[name].read_bytes() == two[name].read_bytes() for name in one)


def beam_process(module, *arguments):
    # The pool starts its workers as `python`.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    command = [sys.executable, "-W", "ignore", "-m", f"apache_beam.runners.{module}", *arguments]
    return subprocess.Popen(command, env={**os.environ, "PATH": path})


def free_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


@pytest.fixture
def job_server():
    """Flags for Beam's own job server and worker pool, which run as separate processes on this machine."""
    jobs, workers = free_port(), free_port()
    processes = [
        beam_process("portability.local_job_service_main", f"--port={jobs}"),
        beam_process("worker.worker_pool_main", f"--service_port={workers}"),
    ]
    try:
        for port in (jobs, workers):
            with grpc.insecure_channel(f"localhost:{port}") as channel:
                grpc.channel_ready_future(channel).result(timeout=120)
        yield [
            "--runner=PortableRunner",
            f"--job_endpoint=localhost:{jobs}",
            "--environment_type=EXTERNAL",
            f"--environment_config=localhost:{workers}",
        ]
    finally:
        for process in processes:
            process.terminate()
            process.wait()


def test_a_wrong_flag_leaves_no_files(tmp_path, data):
    with pytest.raises(UserError, match="no flag --runer"):
        convert(
            data / "scans",
            data / "splits.csv",
            tmp_path / "out" / "examples",
            shards=1,
            beam_args=["--runer=DirectRunner"],
        )
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.nightly  # by day, the test of the job server covers worker processes
def test_worker_processes_give_the_same_bytes(tmp_path, data):
    flags = ["--runner=FnApiRunner", "--direct_num_workers=2", "--direct_running_mode=multi_processing"]
    convert(data / "scans", data / "splits.csv", tmp_path / "examples", shards=2, beam_args=flags)
    assert_same_bytes(data, tmp_path / "examples")


def test_a_job_server_with_its_workers_gives_the_same_bytes(tmp_path, data, job_server):
    convert(data / "scans", data / "splits.csv", tmp_path / "examples", shards=2, beam_args=job_server)
    assert_same_bytes(data, tmp_path / "examples")


def test_workers_that_use_a_bucket_give_the_same_bytes_and_empty_it(tmp_path, data, bucket):
    convert(
        data / "scans",
        data / "splits.csv",
        tmp_path / "examples",
        shards=2,
        beam_args=["--runner=FnApiRunner"],
        storage="gs://scans/work",
    )
    assert_same_bytes(data, tmp_path / "examples")
    assert list(bucket.list_blobs()) == []


def test_a_missing_scan_is_named_and_leaves_no_files(tmp_path, data):
    splits = read_splits(data / "splits.csv")
    splits.loc[0, "patient"] = "nobody"
    splits.to_csv(tmp_path / "splits.csv", index=False)
    with pytest.raises((UserError, RuntimeError), match=r"nobody\.nii\.gz: not readable as a scan"):
        convert(
            data / "scans",
            tmp_path / "splits.csv",
            tmp_path / "out" / "examples",
            shards=1,
            beam_args=["--runner=FnApiRunner"],
        )
    assert list((tmp_path / "out").iterdir()) == []
