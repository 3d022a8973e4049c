"""The cache of decoded slices: its contents, when it is replaced, and errors of reading and writing."""

from __future__ import annotations

import errno
import os
import signal

import numpy as np
import pytest
import tensorflow as tf
from tiny_training import spotted_scan, to_slices, write_shards

from components.common.errors import UserError
from components.train import cache
from components.train.interruption import Interruption
from models.networks import preprocessing


def open_cache(pattern, folder, size=32, check=lambda: None):
    files = cache.example_files([pattern])
    return cache.cached(files, cache.data_hash(files), size, folder, check)


def images_and_masks(slices):
    everything = np.arange(len(slices))
    return slices.take_images(everything[:, None]), slices.take_masks(everything)


def assert_same_slices(one, other):
    for name in ("patients", "has_tumor"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    for mine, others in zip(images_and_masks(one), images_and_masks(other), strict=True):
        np.testing.assert_array_equal(mine, others)


def test_slices_of_the_networks_size_are_kept_unchanged(tmp_path):
    scans = [spotted_scan(name) for name in ("a", "b", "c")]
    found = open_cache(write_shards(tmp_path / "files", scans), tmp_path / "cache")
    assert found.images.dtype == found.masks.dtype == np.uint8
    assert_same_slices(found, to_slices(scans))


def test_slices_of_another_size_are_resized_to_the_networks_grid(tmp_path):
    scan = spotted_scan("a", size=48)
    scan.mask[4] = scan.image[4, ..., 0] % 3 == 0  # ragged
    found = open_cache(write_shards(tmp_path / "files", [scan]), tmp_path / "cache")
    images, masks = images_and_masks(found)
    assert set(np.unique(masks)) == {0, 1}
    np.testing.assert_array_equal(images, preprocessing.to_grid(scan.image, 32))
    shares = preprocessing.mask_to_grid(scan.mask[..., None], 32)
    np.testing.assert_array_equal(masks, np.asarray(shares) >= 0.5)
    np.testing.assert_array_equal(found.take_masks(np.arange(len(found)), soft=True), shares)


def test_labels_come_from_the_mask_at_its_original_size(tmp_path):
    scan = spotted_scan("a", size=48)
    scan.mask[5] = False
    scan.mask[5, 7, 7] = True  # too small to remain on the grid
    found = open_cache(write_shards(tmp_path / "files", [scan]), tmp_path / "cache")
    np.testing.assert_array_equal(found.has_tumor, scan.mask.any(axis=(1, 2)))
    assert not found.take_masks(np.array([5])).any()


def test_patients_of_different_sizes_share_one_cache(tmp_path):
    scans = [spotted_scan(name, size=size) for name, size in (("a", 24), ("b", 32), ("c", 40))]
    found = open_cache(write_shards(tmp_path / "files", scans), tmp_path / "cache")
    images, _ = images_and_masks(found)
    assert images.shape == (24, 32, 32, 3)
    np.testing.assert_array_equal(images[8:16], scans[1].image)


def test_the_number_and_order_of_files_make_no_difference(tmp_path):
    scans = [spotted_scan(f"p{i}", slices=5 + i) for i in range(5)]
    shards = [1, 2, 5]
    sets = [open_cache(write_shards(tmp_path / f"files{n}", scans, n), tmp_path / f"cache{n}") for n in shards]
    sets.append(open_cache(write_shards(tmp_path / "back", scans[::-1], 3), tmp_path / "cache"))
    for other in sets[1:]:
        assert_same_slices(sets[0], other)


def test_neighbours_stay_within_their_scan_and_repeat_at_its_ends(tmp_path):
    # Names that would sort differently with a separator after them, and scans of different lengths.
    scans = [spotted_scan(name, slices=n) for name, n in (("p", 3), ("p 2", 4), ("p-1", 6), ("p.1", 1), ("p1", 5))]
    found = open_cache(write_shards(tmp_path / "files", scans, 2), tmp_path / "cache")
    wide = found.take_images(found.neighbor_indices(2))
    expected = []
    for scan in scans:
        first, last = scan.image[:1], scan.image[-1:]
        longer = np.concatenate([first, first, scan.image, last, last])
        expected += [np.concatenate(longer[i : i + 5], axis=-1) for i in range(len(scan.image))]
    np.testing.assert_array_equal(wide, expected)


def test_opening_the_cache_again_decodes_nothing(tmp_path):
    pattern = write_shards(tmp_path / "files", [spotted_scan("a")])
    first, before = open_cache(pattern, tmp_path / "cache"), (tmp_path / "cache" / cache.IMAGES).stat()
    second, after = open_cache(pattern, tmp_path / "cache"), (tmp_path / "cache" / cache.IMAGES).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert_same_slices(first, second)


def test_another_size_or_other_data_replaces_the_cache(tmp_path):
    first, second = ([spotted_scan("a", seed=seed)] for seed in (1, 2))
    open_cache(write_shards(tmp_path / "first", first), tmp_path / "cache", size=48)
    assert_same_slices(open_cache(write_shards(tmp_path / "first", first), tmp_path / "cache"), to_slices(first))
    assert_same_slices(open_cache(write_shards(tmp_path / "second", second), tmp_path / "cache"), to_slices(second))
    assert [path.name for path in tmp_path.iterdir() if "cache" in path.name] == ["cache"]


def test_slices_decoded_by_other_code_are_decoded_again(tmp_path, monkeypatch):
    scans = [spotted_scan("a")]
    pattern = write_shards(tmp_path / "files", scans)
    open_cache(pattern, tmp_path / "cache")
    (tmp_path / "cache" / cache.IMAGES).write_bytes(bytes((tmp_path / "cache" / cache.IMAGES).stat().st_size))
    monkeypatch.setattr(cache, "code_hash", lambda: "of other code")
    assert_same_slices(open_cache(pattern, tmp_path / "cache"), to_slices(scans))


def test_a_request_to_stop_ends_decoding_and_leaves_no_files(tmp_path):
    pattern = write_shards(tmp_path / "files", [spotted_scan(f"p{i}") for i in range(9)])
    batches = []

    def terminate_at_the_second_batch():
        batches.append(1)
        if len(batches) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        interruption.check()

    with Interruption() as interruption, pytest.raises(SystemExit) as end:
        open_cache(pattern, tmp_path / "cache", check=terminate_at_the_second_batch)
    assert end.value.code == 143
    assert len(batches) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["files"]


def test_a_full_disk_is_reported_in_one_line_and_cleaned_up(tmp_path, small_disk):
    pattern = write_shards(tmp_path / "files", [spotted_scan(f"p{i}") for i in range(20)])
    folder = small_disk / "cache"
    with pytest.raises(UserError, match=r"^\S+cache: disk full while decoding slices; set training\.cache to") as error:
        open_cache(pattern, folder)
    assert "\n" not in str(error.value)
    assert error.value.__cause__.errno == errno.ENOSPC
    assert list(small_disk.iterdir()) == []


def test_missing_files_are_reported_in_one_line(tmp_path):
    with pytest.raises(UserError, match=r"^\S+train: no TFRecord files; run `dvc repro convert`$"):
        cache.example_files([str(tmp_path / "Split-train" / "*")])


def test_files_without_a_slice_are_reported_in_one_line(tmp_path):
    pattern = write_shards(tmp_path / "Split-val", [])
    with pytest.raises(UserError, match=r"^\S+Split-val: no slice in its files; [^\n]+$"):
        open_cache(pattern, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_the_hash_depends_on_file_contents_and_their_order(tmp_path):
    one, two = tmp_path / "1", tmp_path / "2"
    tf.io.gfile.GFile(str(one), "wb").write(b"abc")
    two.write_bytes(b"de")
    assert cache.data_hash([str(one), str(two)]) != cache.data_hash([str(two), str(one)])
    before = cache.data_hash([str(one)])
    one.touch()
    assert cache.data_hash([str(one)]) == before
    one.write_bytes(b"abd")
    assert cache.data_hash([str(one)]) != before
