"""Draw the README's picture from a finished demo run: `python docs/pictures.py`. Synthetic scans only."""

from __future__ import annotations

import sys

import pandas as pd
from matplotlib.figure import Figure

from components.common.layout import PATIENTS
from components.common.tables import read_manifest
from components.scans.scan import FLAIR
from components.scans.scan_files import mask_path, read_mask, read_scan
from pipelines import paths

REFERENCE, PREDICTED = "#00a087", "#e64b35"


def main() -> None:
    """Draw four test patients, from the best to the worst."""
    if not read_manifest(paths.MANIFEST)["synthetic"].all():
        sys.exit("docs/pictures.py: real scans; run it after `make run` on the demo")
    table = pd.read_csv(paths.PREDICTIONS / PATIENTS).query("gate == 'on'").sort_values("volume_dice", ascending=False)
    picks = [table.iloc[round(i * (len(table) - 1) / 3)] for i in range(4)]
    figure = Figure(figsize=(8, 2.25), dpi=120, facecolor="black")
    for axes, row in zip(figure.subplots(1, 4), picks, strict=True):
        scan = read_scan(paths.SCANS, row["patient"])
        found = read_mask(mask_path(paths.PREDICTIONS, row["patient"]))
        assert scan.mask is not None
        at = int(scan.mask.sum(axis=(1, 2)).argmax())
        axes.imshow(scan.image[at, ..., FLAIR], cmap="gray", vmin=0, vmax=200)
        axes.contour(scan.mask[at], levels=[0.5], colors=REFERENCE, linewidths=1.6)
        if found[at].any():
            axes.contour(found[at], levels=[0.5], colors=PREDICTED, linewidths=1.1)
        axes.set_title(f"volume Dice {row['volume_dice']:.2f}", color="white", fontsize=9)
        axes.axis("off")
    figure.subplots_adjust(0, 0, 1, 0.9, 0.02)
    figure.savefig("docs/images/demo.png")


if __name__ == "__main__":
    main()
