"""What 110, 10^4 and 10^6 patients take, the table of docs/explanation/scale.md: `python benchmarks/scale.py`.

Sizes and rates are what was measured on LGG (docs/explanation/design.md, docs/how-to/predict.md); the audit for
pictures that look alike, which grows with the square of the patients, is timed here and now. Prices are examples.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from components.split.leakage import find_look_alikes

PATIENTS = (110, 10_000, 1_000_000)
SLICES = 35.5  # a patient: 3124 of 88 LGG patients
BYTES = {
    "scans as tif": 214e3,
    "NIfTI after ingest": 100e3,
    "TFRecords": 263e3,
    "cache of a training": 262e3,
}  # a slice
CORE_RATES = {"ingest": 106, "convert": 72, "predict": 28}  # slices/s per core
PRICES = {"core hour": 0.04, "GPU hour": 0.7, "GB month": 0.02}  # USD, examples
TRAIN_SHARE = 0.6


def look_alikes_rate() -> float:
    """Comparisons per second of the audit, by timing it on two splits of random pictures."""
    rng = np.random.default_rng(0)
    names = [f"p{number}" for number in range(20_000)]
    manifest = pd.DataFrame({"patient": names, "subject": names, "slice": 1, "pixel_hash": names})
    manifest["perceptual_hash"] = [rng.bytes(32).hex() for _ in names]
    splits = pd.DataFrame({"patient": names, "split": ["train", "test"] * (len(names) // 2)})
    began = time.perf_counter()
    find_look_alikes(manifest, splits, 20)
    return (len(names) / 2) ** 2 / (time.perf_counter() - began)


def short(value: float) -> str:
    """Format with thousands separators from 100 up, with two significant digits below."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"


def rows(gpu_rate: float, audit_rate: float) -> list[tuple[str, ...]]:
    """The table: what, and one figure for each number of patients."""
    params = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    epochs = sum(params[network]["epochs"]["full"] for network in ("classifier", "segmenter"))
    slices = [patients * SLICES for patients in PATIENTS]
    stored = [sum(BYTES.values()) * n / 1e9 for n in slices]
    cores = [sum(n / rate for rate in CORE_RATES.values()) / 3600 for n in slices]
    gpus = [TRAIN_SHARE * n * epochs / gpu_rate / 3600 for n in slices]
    # Of three splits with shares 0.6, 0.15 and 0.25, pairs across splits are so large a share of all.
    pairs = [(0.6 * 0.15 + 0.6 * 0.25 + 0.15 * 0.25) * n**2 for n in slices]
    table = [("slices", *map(short, slices))]
    table += [(f"{name}, GB", *(short(each * n / 1e9) for n in slices)) for name, each in BYTES.items()]
    table += [(f"{name}, core hours", *(short(n / rate / 3600) for n in slices)) for name, rate in CORE_RATES.items()]
    table += [
        (
            "cores for ingest and convert in 8 hours",
            *(short(max(1, np.ceil(n / 3600 / 8 * (1 / 106 + 1 / 72)))) for n in slices),
        )
    ]
    table += [(f"training both networks, all {epochs} epochs, GPU hours", *map(short, gpus))]
    table += [("audit for look-alikes, hours on two cores", *(short(n / audit_rate / 3600) for n in pairs))]
    price = [c * PRICES["core hour"] + g * PRICES["GPU hour"] for c, g in zip(cores, gpus, strict=True)]
    table += [("cores and GPUs of one run, USD", *map(short, price))]
    table += [("storage, USD a month", *(short(gigabytes * PRICES["GB month"]) for gigabytes in stored))]
    return table


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--gpu-rate", type=float, default=300.0, help="slices/s of a training; assumed, not measured")
    gpu_rate = parser.parse_args().gpu_rate
    audit_rate = look_alikes_rate()
    print(f"audit: {audit_rate / 1e6:.0f} million comparisons/s; GPU: {gpu_rate:g} slices/s, assumed\n")
    print("| patients | " + " | ".join(f"{patients:,}" for patients in PATIENTS) + " |")
    print("|---|" + "---|" * len(PATIENTS))
    for row in rows(gpu_rate, audit_rate):
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
