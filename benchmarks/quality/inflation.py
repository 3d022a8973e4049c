"""What a split of slices adds to the score of the same training.

    python benchmarks/quality/inflation.py --recipe NAME

`train.py --test 1 --unseen 0`, once as it is and once with `--by-slice`, come before: as many slices to train on and to
test on, of the same patients, but drawn by lot. Scores are by slice, because patients are no longer whole.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from train import knobs

from components.evaluation.masks import dice_per_slice
from components.evaluation.slices import auroc


def scores(place: Path, folder: Path, size: int) -> tuple[int, float, float]:
    """Tested slices, mean Dice of those with tumour on the network's grid, AUROC of the largest pixel probability."""
    with np.load(folder / "held_out.npz", allow_pickle=False) as said:
        tested, seen = said["slices"], said["seen"][..., 0]
    masks = np.load(place / f"pack-{size}" / "masks.npy", mmap_mode="r")[tested][..., 0] > 0
    ill = masks.any(axis=(1, 2))
    found = auroc(ill, seen.max(axis=(1, 2)))
    assert found is not None
    return len(tested), float(dice_per_slice(masks[ill], seen[ill] >= 0.5).mean()), found


@click.command()
@click.option("--recipe", required=True)
@click.option("--place", default=Path("artifacts/quality"), type=click.Path(path_type=Path), show_default=True)
def main(recipe: str, place: Path) -> None:
    """Print both."""
    size = knobs(recipe).segmenter.image_size
    print("| split by | tested slices | tumour-slice Dice | AUROC |\n|---|---|---|---|")
    for name, suffix in (("patient", ""), ("slice", "-by-slice")):
        count, dice, area = scores(place, place / recipe / f"segmenter-1-without-0{suffix}", size)
        print(f"| {name} | {count} | {dice:.3f} | {area:.3f} |")


if __name__ == "__main__":
    main()
