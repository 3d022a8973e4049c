"""What the machine offers: which processors train together, in which precision, and whether XLA compiles."""

from __future__ import annotations

import json
import os
from pathlib import Path

import tensorflow as tf

from components.common.errors import UserError


def cluster() -> tuple[int, int]:
    """Number of this worker and how many there are, as TF_CONFIG says; (0, 1) without it."""
    config = json.loads(os.environ.get("TF_CONFIG") or "{}")
    workers = sum(len(config.get("cluster", {}).get(kind, [])) for kind in ("chief", "worker"))
    task = config.get("task", {})
    chiefs = len(config.get("cluster", {}).get("chief", []))
    number = int(task.get("index", 0)) + (chiefs if task.get("type") == "worker" else 0)
    return number, max(1, workers)


def require_gpu(knob: str) -> None:
    """Refuse to begin a training that is meant for GPUs, "required", on a machine where TensorFlow sees none.

    Raises:
        UserError: it sees none; says why, as far as that can be told.
    """
    if knob == "optional" or tf.config.list_physical_devices("GPU"):
        return
    if not tf.test.is_built_with_cuda():
        reason = "this TensorFlow is the build for CPUs: install tensorflow[and-cuda], see docs/how-to/gpu.md"
    elif os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        reason = f"CUDA_VISIBLE_DEVICES={os.environ['CUDA_VISIBLE_DEVICES']!r} hides them all"
    elif not Path("/dev/nvidia0").exists():
        reason = "the machine has no /dev/nvidia0: no GPU was given to it, or no driver is installed"
    else:
        reason = "CUDA's libraries or the driver do not fit: `python -c 'import tensorflow'` and `nvidia-smi` say more"
    raise UserError(
        f"params.yaml: training.gpu is required, and TensorFlow sees no GPU ({reason}); "
        "to train on the CPU all the same, which can take days, set training.gpu=optional"
    )


def strategy(devices: str) -> tf.distribute.Strategy:
    """How to spread batches: "auto" over the workers of TF_CONFIG and the GPUs of each, "one" not at all.

    To be called before TensorFlow does anything else, which several workers need.
    """
    if devices == "one":
        return tf.distribute.get_strategy()
    if cluster()[1] > 1:
        return tf.distribute.MultiWorkerMirroredStrategy()
    if len(tf.config.list_physical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


def precision(knob: str) -> str:
    """Name of the Keras dtype policy; "auto" takes half precision where the hardware computes with it.

    NVIDIA GPUs do with bfloat16 from compute capability 8.0 (A100), with float16 from 7.0 (V100); CPUs do with
    bfloat16 where they have AMX or AVX-512 BF16 (`benchmarks/precision.py`).
    """
    if knob != "auto":
        return knob
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        capability = tf.config.experimental.get_device_details(gpus[0]).get("compute_capability", (0, 0))
        return "mixed_bfloat16" if capability >= (8, 0) else "mixed_float16" if capability >= (7, 0) else "float32"
    cpu = Path("/proc/cpuinfo")
    flags = cpu.read_text(encoding="utf-8").split() if cpu.is_file() else []
    return "mixed_bfloat16" if {"amx_bf16", "avx512_bf16"} & set(flags) else "float32"


def compiles(knob: str, *, deterministic: bool) -> bool:
    """Return whether XLA compiles: "auto" on GPUs only, because it slows these networks down on CPUs.

    Nor where the training has to be deterministic, which TensorFlow does not promise under XLA.
    """
    if knob == "auto":
        return not deterministic and bool(tf.config.list_physical_devices("GPU"))
    return knob == "on"
