"""What a split of slices adds to the score of the same training.

    python benchmarks/quality/inflation.py --recipe NAME

Run `train.py --test 1 --unseen 0` first, once as it is and once with `--by-slice`, which draws as many slices to train
on and to test on, from the same patients, at random. Scores are by slice, because patients are no longer whole, and
cover only the slices that both have tested: others may be easier.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from train import recipe_params

from components.metrics.mask_scores import dice_per_slice
from components.metrics.slice_scores import auroc

SPLITS = {"patient": "", "slice": "-by-slice"}


def scores(place: Path, folder: Path, size: int, common: np.ndarray) -> tuple[float, float]:
    """Mean Dice of the `common` slices with tumour on the network's grid, AUROC of the largest pixel probability."""
    with np.load(folder / "held_out.npz", allow_pickle=False) as outputs:
        seen = outputs["seen"][np.isin(outputs["slices"], common)][..., 0]
    masks = np.load(place / f"pack-{size}" / "masks.npy", mmap_mode="r")[common][..., 0] > 0
    with_tumor = masks.any(axis=(1, 2))
    found = auroc(with_tumor, seen.max(axis=(1, 2)))
    assert found is not None
    return float(dice_per_slice(masks[with_tumor], seen[with_tumor] >= 0.5).mean()), found


def tested(folder: Path) -> np.ndarray:
    """Numbers of the slices that a network was tested on, ascending."""
    with np.load(folder / "held_out.npz", allow_pickle=False) as outputs:
        return outputs["slices"]


@click.command()
@click.option("--recipe", required=True)
@click.option("--place", default=Path("artifacts/quality"), type=click.Path(path_type=Path), show_default=True)
def main(recipe: str, place: Path) -> None:
    """Print both."""
    size = recipe_params(recipe).segmenter.image_size
    folders = {split: place / recipe / f"segmenter-1-without-0{tag}" for split, tag in SPLITS.items()}
    common = np.intersect1d(*map(tested, folders.values()))
    print(f"{len(common)} slices\n\n| split by | tumour-slice Dice | AUROC |\n|---|---|---|")
    for split, folder in folders.items():
        dice, area = scores(place, folder, size, common)
        print(f"| {split} | {dice:.3f} | {area:.3f} |")


if __name__ == "__main__":
    main()
