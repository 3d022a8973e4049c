from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest
import tensorflow as tf
from conftest import ROOT

import pipelines
from components.common.errors import UserError
from components.train import devices
from pipelines.cli import main

TWO = {"worker": ["a:1", "b:1"]}
ASIDE = {"chief": ["c:1"], "worker": ["a:1", "b:1"]}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (None, (0, 1)),
        ({}, (0, 1)),
        ({"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}, (0, 1)),
        ({"cluster": TWO, "task": {"type": "worker", "index": 0}}, (0, 2)),
        ({"cluster": TWO, "task": {"type": "worker", "index": "1"}}, (1, 2)),
        ({"cluster": ASIDE, "task": {"type": "chief", "index": 0}}, (0, 3)),
        ({"cluster": ASIDE, "task": {"type": "worker", "index": 0}}, (1, 3)),
        ({"cluster": ASIDE | {"ps": ["p:1"]}, "task": {"type": "worker", "index": 1}}, (2, 3)),
    ],
)
def test_a_worker_knows_its_number_and_how_many_there_are(monkeypatch, config, expected):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if config is not None:
        monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    assert devices.cluster() == expected


@pytest.mark.parametrize("config", ["", "{}"])
def test_an_empty_cluster_is_none(monkeypatch, config):
    monkeypatch.setenv("TF_CONFIG", config)
    assert devices.cluster() == (0, 1)


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Give a machine other processors: so many GPUs of a compute capability, and a CPU that names its features."""

    def change(gpus=0, capability=None, features="fpu sse avx2"):
        (tmp_path / "cpuinfo").write_text(f"processor: 0\nflags: {features}\n")
        names = [f"GPU:{number}" for number in range(gpus)]
        details = {} if capability is None else {"compute_capability": capability}
        monkeypatch.setattr(devices, "Path", lambda name: {"/proc/cpuinfo": tmp_path / "cpuinfo"}[name])
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: names if kind == "GPU" else ["CPU:0"])
        monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda device: details)

    return change


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({}, "float32"),
        ({"features": "avx512f avx512_fp16 avx512_bf16_not"}, "float32"),
        ({"features": "avx512f avx512_bf16"}, "mixed_bfloat16"),
        ({"features": "amx_tile amx_bf16 amx_int8"}, "mixed_bfloat16"),
        ({"gpus": 1, "capability": (9, 0)}, "mixed_bfloat16"),
        ({"gpus": 1, "capability": (8, 0)}, "mixed_bfloat16"),
        ({"gpus": 1, "capability": (7, 5)}, "mixed_float16"),
        ({"gpus": 2, "capability": (7, 0)}, "mixed_float16"),
        ({"gpus": 1, "capability": (6, 1)}, "float32"),
        ({"gpus": 1}, "float32"),
        ({"gpus": 1, "capability": (6, 1), "features": "amx_bf16"}, "float32"),
    ],
)
def test_half_precision_is_for_hardware_that_computes_with_it(machine, parts, expected):
    machine(**parts)
    assert devices.precision("auto") == expected


@pytest.mark.parametrize("parameter", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_a_precision_that_is_asked_for_is_taken(machine, parameter):
    machine(gpus=1, capability=(9, 0))
    assert devices.precision(parameter) == parameter


@pytest.mark.skipif(bool(tf.config.list_physical_devices("GPU")), reason="this machine has a GPU")
@pytest.mark.skipif(not shutil.which("lscpu"), reason="this system has no lscpu, which names a CPU's features")
def test_this_machine_computes_in_what_its_cpu_has():
    told = subprocess.run(["lscpu"], capture_output=True, text=True, check=True).stdout
    half = {"amx_bf16", "avx512_bf16"} & set(told.split())
    assert devices.precision("auto") == ("mixed_bfloat16" if half else "float32")


@pytest.mark.parametrize(
    ("gpus", "parameter", "deterministic", "expected"),
    [
        (0, "auto", False, False),
        (0, "auto", True, False),
        (1, "auto", False, True),
        (1, "auto", True, False),
        (0, "on", True, True),
        (1, "off", False, False),
    ],
)
def test_xla_compiles_on_gpus_where_nothing_has_to_be_repeatable(machine, gpus, parameter, deterministic, expected):
    machine(gpus=gpus, capability=(9, 0))
    assert devices.compiles(parameter, deterministic=deterministic) is expected


def test_one_device_is_one_whatever_there_is(machine, monkeypatch):
    machine(gpus=4, capability=(9, 0))
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": TWO, "task": {"type": "worker", "index": 1}}))
    assert devices.strategy("one").num_replicas_in_sync == 1


@pytest.mark.parametrize("gpus", [0, 1])
def test_a_single_device_needs_no_strategy(machine, monkeypatch, gpus):
    machine(gpus=gpus, capability=(9, 0))
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert devices.strategy("auto") is tf.distribute.get_strategy()


def test_a_gpu_that_is_there_will_do(machine):
    machine(gpus=1, capability=(8, 0))
    devices.require_gpu("required")


def test_no_gpu_will_do_where_none_is_required(machine):
    machine()
    devices.require_gpu("optional")


@pytest.mark.parametrize(
    ("cuda", "visible", "reason"),
    [
        (False, None, "build for CPUs"),
        (True, "", "hides them all"),
        (True, "-1", "hides them all"),
        (True, None, "/dev/"),
    ],
)
def test_a_gpu_that_is_missing_is_told_with_its_likely_reason(monkeypatch, cuda, visible, reason):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    monkeypatch.setattr(tf.test, "is_built_with_cuda", lambda: cuda)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    with pytest.raises(UserError, match=reason):
        devices.require_gpu("required")


@pytest.mark.skipif(bool(tf.config.list_physical_devices("GPU")), reason="this machine has a GPU")
@pytest.mark.parametrize("network", ["classifier", "segmenter"])
def test_a_training_that_needs_a_gpu_ends_before_it_reads_or_imports_anything(tmp_path, monkeypatch, capsys, network):
    params = (ROOT / "params.yaml").read_text(encoding="utf-8")
    (tmp_path / "params.yaml").write_text(params.replace("scale: demo", "scale: full"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["glioflow", "stage", "train", network])
    for name in ("local", "training"):  # where TFX is: whoever imports them now fails
        monkeypatch.delattr(pipelines, name, raising=False)
        monkeypatch.setitem(sys.modules, f"pipelines.{name}", None)
    with pytest.raises(SystemExit) as end:
        main()
    out, err = capsys.readouterr()
    assert (end.value.code, out) == (2, "")
    (line,) = err.splitlines()
    assert "TensorFlow sees no GPU" in line
    assert "training.gpu=optional" in line
    assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]
