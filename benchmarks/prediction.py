"""How fast is `glioflow predict`? `make bench-predict SOURCE=kaggle_3m [MODEL=reference]`.

A layered model, without MODEL that in `artifacts/`, on pictures as they lie on disk: slices a second end to end,
TensorFlow's start included, and peak memory for the largest patient alone and for all. Beside the model in
`artifacts/` the way of notebooks, on a sample of the slices: read one picture with scikit-image, `model.predict` it
with either network, threshold.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from pathlib import Path

import click
import numpy as np
from processes import measure
from skimage import io

from pipelines import quiet

quiet.silence()

ARTIFACTS = Path("artifacts")
LAYERED = str(ARTIFACTS / "layered")


def ours(model: str, source: str, out: str) -> None:
    """Predict all patients of a folder."""
    from pipelines import predicting

    predicting.run(
        (source,),
        model,
        out,
        overlays=False,
        doubt=False,
        resume=False,
        beam_args=[],
        storage=None,
    )


def notebook(pictures: list[Path], count: int) -> float:
    """Seconds a slice of the notebook's way, over so many pictures, after a first one that is not counted."""
    from models.networks import preprocessing
    from models.networks.network_files import load_network

    classifier, segmenter = (load_network(ARTIFACTS / name) for name in ("classifier", "segmenter"))
    step = max(1, len(pictures) // (count + 1))
    seconds = []
    for path in pictures[::step][: count + 1]:
        start = time.perf_counter()
        image = io.imread(path)[None]
        grids = [np.asarray(preprocessing.to_grid(image, n.input_shape[1])) for n in (classifier, segmenter)]
        classifier.predict(grids[0], verbose=0)
        drawn = preprocessing.from_grid(segmenter.predict(grids[1], verbose=0), *image.shape[1:3])
        np.asarray(drawn)[0, ..., 0] >= 0.5  # noqa: B015  what a notebook would show
        seconds.append(time.perf_counter() - start)
    return sum(seconds[1:]) / (len(seconds) - 1)


@click.command(help=__doc__)
@click.option("--source", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--model", default=LAYERED, show_default=True, help="As for glioflow predict.")
@click.option("--sample", default=200, show_default=True, help="Slices of the notebook's way.")
def main(source: Path, model: str, sample: int) -> None:
    """Print both, their ratio, and what memory does."""
    pictures = sorted(path for path in source.glob("*/*.tif") if not path.stem.endswith("_mask"))
    first, alone = Counter(path.parent for path in pictures).most_common(1)[0]  # memory is that of the largest scan
    with tempfile.TemporaryDirectory(prefix="glioflow-bench-") as name:
        folder = Path(name)
        (folder / "one").mkdir()
        (folder / "one" / first.name).symlink_to(first.resolve())
        runs = {}
        for what, place in (("one", folder / "one"), ("all", source)):
            runs[what] = measure(["pipelines.predicting"], ours, model, str(place), str(folder / f"out-{what}"))
    (start, small), (seconds, large) = runs["one"], runs["all"]
    end_to_end, later = len(pictures) / seconds, (len(pictures) - alone) / (seconds - start)
    rates = f"{end_to_end:.1f} slices a second end to end, {later:.1f} after the start"
    print(f"{len(pictures)} slices: {seconds:.0f} s, {rates}")
    print(f"peak memory: {small:.0f} MB for one patient, {large:.0f} MB for all ({large / small:.2f} times)")
    if model != LAYERED:
        return
    each = notebook(pictures, sample)
    ratios = f"{end_to_end * each:.1f} times as fast, {later * each:.1f} after the start"
    print(f"notebook: {1 / each:.1f} slices a second; predict is {ratios}")


if __name__ == "__main__":
    main()
