"""How long does evaluation take? `make bench-evaluate SOURCE=kaggle_3m`.

The trained networks in `artifacts/` on all patients: seconds and peak memory of the stage, with the mirror image, every
metric, masks written. Beside it the loop that notebooks have: `model.predict` on one slice after the other for both
networks, and Dice by slice, on a sample of the slices.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import click
from processes import measure

from pipelines import quiet

quiet.silence()

ARTIFACTS = Path("artifacts")


def prepare(source: Path, folder: Path) -> int:
    """Ingest, and call every patient a test patient; gives the number of slices."""
    from components.common.problems import REMEDIES
    from components.common.tables import SPLITS_COLUMNS, read_manifest
    from components.ingest.stage import ingest

    names = (folder / name for name in ("scans", "manifest.csv", "problems.csv"))
    ingest(str(source), *names, policy=dict.fromkeys(REMEDIES, "warn"), workers=None)
    manifest = read_manifest(folder / "manifest.csv")
    table = manifest.drop_duplicates("patient").assign(split="test", fold=0)
    table[SPLITS_COLUMNS].to_csv(folder / "splits.csv", index=False)
    return len(manifest)


def ours(folder: str) -> None:
    """Evaluate all patients."""
    from components.evaluate.stage import evaluate

    place = Path(folder)
    beam_args = ["--runner=FnApiRunner", "--direct_num_workers=1"]
    evaluate(ARTIFACTS / "layered", place / "scans", place / "splits.csv", place / "out", beam_args=beam_args)


def loop(folder: Path, count: int) -> tuple[float, float]:
    """Seconds a slice of the notebook's loop, over so many slices, after a first one that is not counted.

    Returns:
        For one look at each slice, and for two, the second at its mirror image, as evaluation does for the doubt.
    """
    import numpy as np

    from components.common.tables import read_splits
    from components.metrics.mask_scores import dice
    from components.scans.scan_files import read_scan
    from models.networks import preprocessing
    from models.networks.network_files import load_network

    classifier, segmenter = (load_network(ARTIFACTS / name) for name in ("classifier", "segmenter"))

    def look(image: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        grids = [np.asarray(preprocessing.to_grid(image[None], n.input_shape[1])) for n in (classifier, segmenter)]
        classifier.predict(grids[0], verbose=0)
        return np.asarray(preprocessing.from_grid(segmenter.predict(grids[1], verbose=0), *shape))[0, ..., 0]

    once, twice = [], []
    for patient in read_splits(folder / "splits.csv")["patient"]:
        scan = read_scan(folder / "scans", patient)
        for image, mask in zip(scan.image, scan.mask, strict=True):
            start = time.perf_counter()
            dice(mask, look(image, mask.shape) >= 0.5)
            once.append(time.perf_counter() - start)
            look(image[:, ::-1], mask.shape)
            twice.append(time.perf_counter() - start)
            if len(once) > count:
                return sum(once[1:]) / count, sum(twice[1:]) / count
    return sum(once[1:]) / (len(once) - 1), sum(twice[1:]) / (len(twice) - 1)


@click.command(help=__doc__)
@click.option("--source", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--sample", default=300, show_default=True, help="Slices of the loop.")
def main(source: Path, sample: int) -> None:
    """Print both, and their ratio."""
    with tempfile.TemporaryDirectory(prefix="glioflow-bench-") as name:
        folder = Path(name)
        slices = prepare(source, folder)
        seconds, peak = measure(["components.evaluate.stage"], ours, name)
        once, twice = loop(folder, sample)
    print(f"{slices} slices: {seconds:.0f} s, {1000 * seconds / slices:.1f} ms a slice, peak {peak:.0f} MB")
    for looks, each in (("one look", once), ("two looks, as evaluation takes", twice)):
        print(f"loop, {looks}: {1000 * each:.1f} ms a slice, {each * slices / seconds:.1f} times as long")


if __name__ == "__main__":
    main()
