"""What the machine offers: which processors train together, in which precision, and whether XLA compiles."""

from __future__ import annotations

import json
import os
from pathlib import Path

import tensorflow as tf


def cluster() -> tuple[int, int]:
    """Number of this worker and how many there are, as TF_CONFIG says; (0, 1) without it."""
    config = json.loads(os.environ.get("TF_CONFIG") or "{}")
    workers = sum(len(config.get("cluster", {}).get(kind, [])) for kind in ("chief", "worker"))
    task = config.get("task", {})
    chiefs = len(config.get("cluster", {}).get("chief", []))
    number = int(task.get("index", 0)) + (chiefs if task.get("type") == "worker" else 0)
    return number, max(1, workers)


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
    """Tell whether XLA compiles: "auto" on GPUs only, because it slows these networks down on CPUs.

    Nor where the training has to be deterministic, which TensorFlow does not promise under XLA.
    """
    if knob == "auto":
        return not deterministic and bool(tf.config.list_physical_devices("GPU"))
    return knob == "on"
