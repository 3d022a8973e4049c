"""The synthetic demo patients are reproducible and resemble the real data."""

from __future__ import annotations

import hashlib

import numpy as np
from scipy.ndimage import binary_dilation

from components.sources import demo, open_source


def digests(folder):
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_same_seed_writes_the_same_bytes(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        demo.write_demo(tmp_path / name, patients=3, slices=6, size=64, seed=seed)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    assert digests(tmp_path / "a") != digests(tmp_path / "c")


def test_demo_patients_resemble_the_real_data():
    shares, contrasts = [], []
    for number in range(12):
        image, mask = demo.patient_volume(np.random.default_rng([7, number]), 20, 128)
        assert image.shape == (20, 128, 128, 3)
        assert image.dtype == np.uint8
        shares.append(mask.any(axis=(1, 2)).mean())
        around = binary_dilation(mask, iterations=6) & ~binary_dilation(mask, iterations=2)
        contrasts.append(image[mask][:, 1].mean() / image[around][:, 1].mean())
    assert 0.25 < np.mean(shares) < 0.45  # two thirds of the slices without tumour
    assert min(contrasts) > 1.1  # bright in FLAIR


def test_scans_cover_all_sites_and_some_lack_a_sequence(demo_source):
    with open_source(demo_source) as source:
        scans = [source.read(name).scan for name in source.patients]
        assert source.synthetic
    assert {scan.site for scan in scans} == set(demo.SITES)
    assert any(scan.missing_sequences() == {"pre": True, "post": False} for scan in scans)
    assert any(scan.missing_sequences() == {"pre": False, "post": True} for scan in scans)
    assert sum(any(scan.missing_sequences().values()) for scan in scans) < len(scans) / 2
