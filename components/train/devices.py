"""The machine's capabilities: which processors train together, in which precision, and whether XLA compiles."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import tensorflow as tf

from components.common.errors import UserError


def worker_index_and_count() -> tuple[int, int]:
    """Return this worker's index and the number of workers, from TF_CONFIG; (0, 1) without it.

    Raises:
        UserError: TF_CONFIG is not JSON of the form that TensorFlow reads.
    """
    try:
        config = json.loads(os.environ.get("TF_CONFIG") or "{}")
        return _place(config)
    except (AttributeError, TypeError, ValueError) as error:
        raise UserError(
            'TF_CONFIG: not readable; write {"cluster": {"worker": ["HOST:PORT", ...]}, "task": {"type": "worker", '
            '"index": 0}}, or unset it'
        ) from error


def _place(config: dict[str, Any]) -> tuple[int, int]:
    workers = sum(len(config.get("cluster", {}).get(kind, [])) for kind in ("chief", "worker"))
    task = config.get("task", {})
    chiefs = len(config.get("cluster", {}).get("chief", []))
    number = int(task.get("index", 0)) + (chiefs if task.get("type") == "worker" else 0)
    return number, max(1, workers)


def require_gpu(wanted: str) -> None:
    """Refuse to start training that requires a GPU ("required") if TensorFlow sees none.

    Raises:
        UserError: TensorFlow sees no GPU; says why, as far as that is known.
    """
    if wanted == "optional" or tf.config.list_physical_devices("GPU"):
        return
    if not tf.test.is_built_with_cuda():
        reason = "this TensorFlow is the build for CPUs: install tensorflow[and-cuda], see docs/how-to/gpu.md"
    elif os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        reason = f"CUDA_VISIBLE_DEVICES={os.environ['CUDA_VISIBLE_DEVICES']!r} hides them all"
    elif not Path("/dev/nvidia0").exists():
        reason = "the machine has no /dev/nvidia0: no GPU was given to it, or no driver is installed"
    else:
        reason = "the CUDA libraries or the driver don't match; see `python -c 'import tensorflow'` and `nvidia-smi`"
    raise UserError(
        f"params.yaml: training.gpu is required, and TensorFlow sees no GPU ({reason}); "
        "to train on the CPU anyway, which can take days, set training.gpu=optional"
    )


def strategy(devices: str) -> tf.distribute.Strategy:
    """Return how to distribute batches: "auto" over the workers in TF_CONFIG and their GPUs, "one" not at all.

    Call it before any other use of TensorFlow, as training with several workers requires.
    """
    if devices == "one":
        return tf.distribute.get_strategy()
    if worker_index_and_count()[1] > 1:
        return tf.distribute.MultiWorkerMirroredStrategy()
    if len(tf.config.list_physical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


def precision(wanted: str) -> str:
    """Return the name of the Keras dtype policy; "auto" uses half precision if the hardware computes in it.

    NVIDIA GPUs compute in bfloat16 from compute capability 8.0 (A100) and in float16 from 7.0 (V100); CPUs compute in
    bfloat16 if they have AMX or AVX-512 BF16 (`benchmarks/precision.py`).
    """
    if wanted != "auto":
        return wanted
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        capability = tf.config.experimental.get_device_details(gpus[0]).get("compute_capability", (0, 0))
        return "mixed_bfloat16" if capability >= (8, 0) else "mixed_float16" if capability >= (7, 0) else "float32"
    cpu = Path("/proc/cpuinfo")
    flags = cpu.read_text(encoding="utf-8").split() if cpu.is_file() else []
    return "mixed_bfloat16" if {"amx_bf16", "avx512_bf16"} & set(flags) else "float32"


def use_xla(wanted: str, *, deterministic: bool) -> bool:
    """Return whether to compile with XLA; "auto" does so only on GPUs, because it slows these networks down on CPUs.

    Nor does "auto" if training has to be deterministic, which TensorFlow does not guarantee under XLA.
    """
    if wanted == "auto":
        return not deterministic and bool(tf.config.list_physical_devices("GPU"))
    return wanted == "on"
