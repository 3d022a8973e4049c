"""Make the reference model that the project ships: `release.py --segmenter finer --classifier longer`.

Takes the two networks that `train.py --test none` trained on all patients, or those of a fold, in half precision, and
the choices that `score.py` made on out-of-fold predictions. Without recipes, it converts the weights in
`benchmarks/quality/reference/` once more, with the choices made before or with those of `--choices FILE`.
"""

from __future__ import annotations

from pathlib import Path

import click

from components.common.files import atomic_folder, read_json, write_json
from components.common.layout import LAYERED, LITERT
from components.layered.litert_files import ENTRY, described
from components.layered.reference import FOLDER, WEIGHTS
from components.layered.writer import write_assets
from components.sources.reading import Options
from models.networks.network_files import NETWORK, halve, load_network
from models.serving.litert_export import litert

MOST_MB = 20


def take(recipes: dict[str, str], test: str, place: Path) -> dict:
    """Write the weights of trained networks in half precision; returns the content of layered.json.

    Args:
        recipes: recipe of each network, by its name.
        test: fold that the networks were tested on, or none.
        place: folder of trainings and scores.
    """
    networks = {name: place / recipes[name] / f"{name}-{test}" for name in LITERT}
    record = read_json(place / f"{recipes['segmenter']}+{recipes['classifier']}.choices.json")
    made_from = {name: read_json(folder / NETWORK)["made_from"] for name, folder in networks.items()}
    neighbors = max(read_json(folder / NETWORK)["arguments"]["neighbors"] for folder in networks.values())
    with atomic_folder(WEIGHTS) as part:
        for name, folder in networks.items():
            halve(folder, part / name)
            network = read_json(part / name / NETWORK)
            network["arguments"]["weights"] = Path(network["arguments"]["weights"]).name  # no path of the machine
            write_json(part / name / NETWORK, network)
    return {"neighbors": neighbors, "mirror": True, "slices": vars(Options()), **record, "made_from": made_from}


@click.command()
@click.option("--segmenter", help="Recipe of the segmenter.")
@click.option("--classifier", help="Recipe of the classifier.")
@click.option("--choices", type=click.Path(exists=True, path_type=Path), help="What score.py chose since.")
@click.option("--test", default="none", show_default=True, help="Fold whose networks to take.")
@click.option("--place", default=Path("artifacts/quality"), type=click.Path(path_type=Path), show_default=True)
def main(segmenter: str | None, classifier: str | None, choices: Path | None, test: str, place: Path) -> None:
    """Write the folder of the reference model; its README stays."""
    if bool(segmenter) != bool(classifier):
        raise click.UsageError("Name both recipes, or neither.")
    if segmenter and classifier:
        record = take({"segmenter": segmenter, "classifier": classifier}, test, place)
    else:
        record = read_json(FOLDER / LAYERED)
    if choices:
        record.pop("tumor_smoothing", None)  # which the new choices may lack
        record |= read_json(choices)
    files = {name: litert(load_network(WEIGHTS / name), batch=2, half=True) for name in LITERT}
    card = (FOLDER / "README.md").read_text(encoding="utf-8") if FOLDER.is_dir() else ""
    with atomic_folder(FOLDER) as part:
        write_assets(part, record | {ENTRY: described(files)}, files)
        (part / "README.md").write_text(card, encoding="utf-8")
    size = sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) / 1e6
    print(f"{FOLDER.name}/: {size:.1f} MB")
    if size > MOST_MB:
        raise click.ClickException(f"{FOLDER}: more than {MOST_MB} MB; take a smaller network")


if __name__ == "__main__":
    main()
