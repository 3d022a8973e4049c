"""How training chooses devices, precision and XLA, and reports a missing GPU."""

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

TWO_WORKERS = {"worker": ["a:1", "b:1"]}
WITH_CHIEF = {"chief": ["c:1"], "worker": ["a:1", "b:1"]}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (None, (0, 1)),
        ({}, (0, 1)),
        ({"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}, (0, 1)),
        ({"cluster": TWO_WORKERS, "task": {"type": "worker", "index": 0}}, (0, 2)),
        ({"cluster": TWO_WORKERS, "task": {"type": "worker", "index": "1"}}, (1, 2)),
        ({"cluster": WITH_CHIEF, "task": {"type": "chief", "index": 0}}, (0, 3)),
        ({"cluster": WITH_CHIEF, "task": {"type": "worker", "index": 0}}, (1, 3)),
        ({"cluster": WITH_CHIEF | {"ps": ["p:1"]}, "task": {"type": "worker", "index": 1}}, (2, 3)),
    ],
)
def test_a_worker_knows_its_number_and_the_number_of_workers(monkeypatch, config, expected):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if config is not None:
        monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    assert devices.worker_index_and_count() == expected


@pytest.mark.parametrize("config", ["", "{}"])
def test_an_empty_configuration_means_no_cluster(monkeypatch, config):
    monkeypatch.setenv("TF_CONFIG", config)
    assert devices.worker_index_and_count() == (0, 1)


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Pretend that the machine has a number of GPUs of a compute capability, and a CPU with the given features."""

    def set_processors(gpus=0, capability=None, features="fpu sse avx2"):
        (tmp_path / "cpuinfo").write_text(f"processor: 0\nflags: {features}\n")
        names = [f"GPU:{number}" for number in range(gpus)]
        details = {} if capability is None else {"compute_capability": capability}
        monkeypatch.setattr(devices, "Path", lambda name: {"/proc/cpuinfo": tmp_path / "cpuinfo"}[name])
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: names if kind == "GPU" else ["CPU:0"])
        monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda device: details)

    return set_processors


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
def test_auto_precision_is_half_only_on_hardware_that_supports_it(machine, parts, expected):
    machine(**parts)
    assert devices.precision("auto") == expected


@pytest.mark.parametrize("parameter", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_a_requested_precision_is_used(machine, parameter):
    machine(gpus=1, capability=(9, 0))
    assert devices.precision(parameter) == parameter


@pytest.mark.skipif(bool(tf.config.list_physical_devices("GPU")), reason="this machine has a GPU")
@pytest.mark.skipif(not shutil.which("lscpu"), reason="this system has no lscpu, which names a CPU's features")
def test_auto_precision_follows_this_machines_cpu():
    output = subprocess.run(["lscpu"], capture_output=True, text=True, check=True).stdout
    bfloat16_features = {"amx_bf16", "avx512_bf16"} & set(output.split())
    assert devices.precision("auto") == ("mixed_bfloat16" if bfloat16_features else "float32")


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
def test_xla_is_on_by_default_only_on_gpus_without_determinism(machine, gpus, parameter, deterministic, expected):
    machine(gpus=gpus, capability=(9, 0))
    assert devices.use_xla(parameter, deterministic=deterministic) is expected


def test_one_means_a_single_device_whatever_is_available(machine, monkeypatch):
    machine(gpus=4, capability=(9, 0))
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": TWO_WORKERS, "task": {"type": "worker", "index": 1}}))
    assert devices.strategy("one").num_replicas_in_sync == 1


@pytest.mark.parametrize("gpus", [0, 1])
def test_a_single_device_needs_no_strategy(machine, monkeypatch, gpus):
    machine(gpus=gpus, capability=(9, 0))
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert devices.strategy("auto") is tf.distribute.get_strategy()


def test_an_available_gpu_satisfies_the_requirement(machine):
    machine(gpus=1, capability=(8, 0))
    devices.require_gpu("required")


def test_a_missing_gpu_is_accepted_if_optional(machine):
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
def test_a_missing_gpu_is_reported_with_its_likely_reason(monkeypatch, cuda, visible, reason):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    monkeypatch.setattr(tf.test, "is_built_with_cuda", lambda: cuda)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    with pytest.raises(UserError, match=reason):
        devices.require_gpu("required")


@pytest.mark.skipif(bool(tf.config.list_physical_devices("GPU")), reason="this machine has a GPU")
@pytest.mark.parametrize("network", ["classifier", "segmenter"])
def test_a_missing_required_gpu_ends_training_before_reads_and_imports(tmp_path, monkeypatch, capsys, network):
    params = (ROOT / "params.yaml").read_text(encoding="utf-8")
    (tmp_path / "params.yaml").write_text(params.replace("scale: demo", "scale: full"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["glioflow", "stage", "train", network])
    for name in ("local", "training"):  # they import TFX; from now on, importing them fails
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
