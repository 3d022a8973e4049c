"""How long does evaluation take? `make bench-evaluate SOURCE=kaggle_3m`.

Runs the stage with the trained networks in `artifacts/` on all patients and reports seconds and peak memory, including
mirror images, all metrics and written masks. For comparison, times the usual notebook loop on a sample of slices:
`model.predict` slice by slice with both networks, and Dice per slice.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import click
from processes import measure

from pipelines.processes import quiet

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


def run_glioflow(folder: str) -> None:
    """Evaluate all patients."""
    from components.evaluate.stage import evaluate

    place = Path(folder)
    beam_args = ["--runner=FnApiRunner", "--direct_num_workers=1"]
    evaluate(ARTIFACTS / "layered", place / "scans", place / "splits.csv", place / "out", beam_args=beam_args)


def loop(folder: Path, count: int) -> tuple[float, float]:
    """Seconds per slice of the notebook's loop, over `count` slices, after a first one that is not counted.

    Returns:
        For each slice alone, and for both views of it: evaluation also predicts the mirror image, for the doubt.
    """
    import numpy as np

    from components.common.tables import read_splits
    from components.metrics.mask_scores import dice
    from components.scans.scan_files import read_scan
    from models.networks import preprocessing
    from models.networks.network_files import load_network

    classifier, segmenter = (load_network(ARTIFACTS / name) for name in ("classifier", "segmenter"))

    def predict_view(image: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        grids = [np.asarray(preprocessing.to_grid(image[None], n.input_shape[1])) for n in (classifier, segmenter)]
        classifier.predict(grids[0], verbose=0)
        return np.asarray(preprocessing.from_grid(segmenter.predict(grids[1], verbose=0), *shape))[0, ..., 0]

    once, twice = [], []
    for patient in read_splits(folder / "splits.csv")["patient"]:
        scan = read_scan(folder / "scans", patient)
        for image, mask in zip(scan.image, scan.mask, strict=True):
            start = time.perf_counter()
            dice(mask, predict_view(image, mask.shape) >= 0.5)
            once.append(time.perf_counter() - start)
            predict_view(image[:, ::-1], mask.shape)
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
        seconds, peak = measure(["components.evaluate.stage"], run_glioflow, name)
        once, twice = loop(folder, sample)
    print(f"{slices} slices: {seconds:.0f} s, {1000 * seconds / slices:.1f} ms/slice, peak {peak:.0f} MB")
    for views, each in (("one view", once), ("two views, as in evaluation", twice)):
        print(f"loop, {views}: {1000 * each:.1f} ms/slice, {each * slices / seconds:.1f} times as long")


if __name__ == "__main__":
    main()
