"""TFRecord files to `Slices`: every slice is read, decoded and resized once, and only copied after that.

The pixels are in a file that is mapped into memory. The system keeps it there as long as nothing else needs the space,
so the same code serves data sets that fit into memory and those that do not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from components.common.errors import UserError
from components.common.files import atomic_folder
from components.common.system import DiskFullError
from components.scans.identity import fingerprint
from components.train.provenance import code_hash
from components.train.training_slices import Slices
from models import examples
from models.networks import preprocessing

READ_BATCH = 32
TRAIN, TEST = "/Split-train/", "/Split-test/"
IMAGES, MASKS, INDEX, MADE_FROM = "images.uint8", "masks.uint8", "index.npz", "made_from.txt"


def example_files(patterns: Sequence[str]) -> list[str]:
    """Matching files, sorted; raises UserError if there are none."""
    files = sorted(str(path) for pattern in patterns for path in tf.io.gfile.glob(pattern))
    if not files:
        raise UserError(f"{Path(patterns[0]).parent}: no TFRecord files; run `dvc repro convert`")
    return files


def test_fingerprints(train_files: Sequence[str]) -> set[str]:
    """Fingerprints of the test patients in the TFRecord files beside those of train; only their names are read.

    Args:
        train_files: patterns of the files of the train split, in TFX's layout: `.../Split-train/*`.
    """
    patterns = [pattern.replace(TRAIN, TEST) for pattern in train_files if TRAIN in pattern]
    files = sorted(str(path) for pattern in patterns for path in tf.io.gfile.glob(pattern))
    names = tf.data.TFRecordDataset(files, "GZIP").map(examples.parse_patient) if files else ()
    return {fingerprint(name.decode()) for name in {each.numpy() for each in names}}


def data_hash(files: Sequence[str]) -> str:
    """SHA-256 over the files' contents, in order: data sets with equal hashes train alike."""
    digest = hashlib.sha256()
    for file in files:
        with tf.io.gfile.GFile(file, "rb") as opened:
            while block := opened.read(1 << 24):
                digest.update(block)
    return digest.hexdigest()


def cached(files: Sequence[str], key: str, size: int, place: Path, check: Callable[[], None]) -> Slices:
    """Open the decoded slices of `files`, decoding them first if necessary.

    Args:
        files: TFRecord files in gzip format.
        key: `data_hash` of the files; slices in `place` from other files, of another size or by other code are
            replaced.
        size: side length of the network's grid, pixels.
        place: folder of the decoded slices.
        check: function called now and then; an exception from it ends the decoding, and leaves nothing behind.

    Raises:
        UserError: the disk is full, or the files hold no slice.
    """
    made_from = f"{key} {size} {code_hash()}"
    if not (place / MADE_FROM).is_file() or (place / MADE_FROM).read_text(encoding="utf-8") != made_from:
        try:
            with atomic_folder(place) as part:
                _decode(files, size, part, check)
                (part / MADE_FROM).write_text(made_from, encoding="utf-8")
        except DiskFullError as error:
            remedy = "set training.cache to a larger one"
            raise UserError(f"{place}: disk full while decoding slices; {remedy}") from error.__cause__
    return _open(place, size)


def _decode(files: Sequence[str], size: int, folder: Path, check: Callable[[], None]) -> None:
    def decode(record: tf.Tensor) -> dict[str, tf.Tensor]:
        parsed = examples.parse_slice(record)
        image, mask = parsed["image"][tf.newaxis], parsed["mask"][tf.newaxis]
        if_resized = tf.shape(parsed["image"])[0] != size or tf.shape(parsed["image"])[1] != size
        image = tf.cond(if_resized, lambda: tf.cast(preprocessing.to_grid(image, size), tf.uint8), lambda: image)
        shares = tf.cond(if_resized, lambda: preprocessing.mask_to_grid(mask, size), lambda: tf.cast(mask, tf.float32))
        mask = tf.cast(tf.round(255.0 * shares), tf.uint8)
        parsed["image"] = tf.ensure_shape(image[0], [size, size, 3])
        parsed["mask"] = tf.ensure_shape(mask[0], [size, size, 1])
        return parsed

    auto = tf.data.AUTOTUNE
    records = tf.data.Dataset.from_tensor_slices(list(files)).interleave(
        lambda file: tf.data.TFRecordDataset(file, "GZIP"), num_parallel_calls=auto, deterministic=True
    )
    columns: dict[str, list[np.ndarray]] = {name: [] for name in ("patient", "slice", "has_tumor")}
    with (folder / IMAGES).open("wb") as images, (folder / MASKS).open("wb") as masks:
        for batch in records.map(decode, num_parallel_calls=auto).batch(READ_BATCH).prefetch(auto):
            check()
            images.write(batch["image"].numpy().data)
            masks.write(batch["mask"].numpy().data)
            for name, values in columns.items():
                values.append(batch[name].numpy().astype("S" if batch[name].dtype == tf.string else int))
    if not columns["slice"]:
        raise UserError(f"{Path(files[0]).parent}: no slice in its files; give this split a patient, then `dvc repro`")
    np.savez(folder / INDEX, **{name: np.concatenate(values) for name, values in columns.items()})


def _open(folder: Path, size: int) -> Slices:
    with np.load(folder / INDEX, allow_pickle=False) as index:
        patient, number, has_tumor = (index[name] for name in ("patient", "slice", "has_tumor"))
    order = np.lexsort((number, patient))
    return Slices(
        images=np.memmap(folder / IMAGES, np.uint8, "r", shape=(len(order), size, size, 3)),
        masks=np.memmap(folder / MASKS, np.uint8, "r", shape=(len(order), size, size, 1)),
        order=order,
        patients=np.unique(patient[order], return_inverse=True)[1],
        has_tumor=has_tumor[order].astype(bool),
        fingerprints=tuple(sorted({fingerprint(name.decode()) for name in np.unique(patient)})),
    )
