"""Train one recipe on some folds and predict the others: the parts of a cross-validation.

    python benchmarks/quality/train.py --source kaggle_3m --recipe longer --network segmenter --test 0
    python benchmarks/quality/train.py --source kaggle_3m --recipe longer --network segmenter --test none
    python benchmarks/quality/train.py --source kaggle_3m --recipe plain --network segmenter --test 1 --unseen 0

The first is fold 0 of the cross-validation, the second trains on all patients, the third is an experiment: tested on
fold 1, and fold 0 is never looked at. A killed training continues when started again; a finished one is not repeated.
The schedule is fixed and the last epoch is kept, so that no held-out patient decides anything.

With KERAS_BACKEND=jax, in an environment that has JAX, JAX trains, on a GPU if there is one.
"""

from __future__ import annotations

import math
from pathlib import Path

import click
import numpy as np
import yaml
from pack import Pack, packed

from components.common.files import atomic_file
from components.common.params import Params, parse
from components.scans.identity import fingerprint
from components.train.training_slices import Slices

RECIPES = Path(__file__).with_name("recipes.yaml")


def chained(recipe: str) -> list[dict]:
    """A recipe and those that it builds on, the last one first."""
    recipes = yaml.safe_load(RECIPES.read_text(encoding="utf-8"))
    chain = [recipes[recipe]]
    while "from" in chain[-1]:
        chain.append(recipes[chain[-1]["from"]])
    return chain


def recipe_params(recipe: str) -> Params:
    """params.yaml at scale laptop with the overrides of a recipe, and of those that it builds on."""
    tree = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    tree["scale"] = "laptop"
    for one in reversed(chained(recipe)):
        for parameter, value in one.get("set", {}).items():
            *groups, last = parameter.split(".")
            place = tree
            for group in groups:
                place = place[group]
            place[last] = value
    return parse(tree, f"{RECIPES.name}: {recipe}")


def by_volume(recipe: str) -> bool:
    """Whether a recipe scales intensities by volume before its network sees them."""
    return any(one.get("pack") == "volume" for one in chained(recipe))


def started_from(segmenter: Path, params: Params) -> Params:
    """The parameters of a classifier that starts from the encoder of a trained segmenter, which saw the same slices."""
    from models.networks import network_files
    from models.networks.backbones import save_encoder

    file = segmenter / "encoder.weights.h5"
    save_encoder(network_files.load_network(segmenter), params.classifier.backbone, file)
    shared = {"weights": str(file), "neighbors": params.segmenter.neighbors, "normalization": "slice"}
    return params.model_copy(update={"classifier": params.classifier.model_copy(update=shared)})


def train(
    network: str,
    params: Params,
    slices: Slices,
    known: np.ndarray,
    people: list[str],
    folder: Path,
    start: Path | None = None,
) -> None:
    """Train `network` on the slices of the numbers `known` for the whole schedule and write it to `folder`.

    It begins with the weights of the network in `start`, which has learned from the same slices. Keras' backend trains.
    """
    import keras

    if keras.backend.backend() == "jax":
        import jax_training as training
    else:
        import tf_training as training  # type: ignore[no-redef]
    training.train(network, params, slices, known, people, folder, start)


def predict(folder: Path, slices: Slices, asked: np.ndarray, patients: list[str]) -> None:
    """Write the network's outputs for some slices and their mirror images to held_out.npz, on its grid, as float16."""
    from models.networks import network_files

    network = network_files.load_network(folder)
    around = slices.neighbor_indices((network.input_shape[-1] // 3 - 1) // 2)
    seen: list[np.ndarray] = []
    mirrored: list[np.ndarray] = []
    for numbers in np.array_split(asked, math.ceil(len(asked) / 32)):
        images = slices.take_images(around[numbers])
        seen.append(network.predict_on_batch(images).astype(np.float16))
        turned = network.predict_on_batch(images[:, :, ::-1])
        mirrored.append((turned[:, :, ::-1] if turned.ndim == 4 else turned).astype(np.float16))
    with atomic_file(folder / "held_out.npz") as part:
        np.savez(part, patients=patients, slices=asked, seen=np.concatenate(seen), mirrored=np.concatenate(mirrored))


def divided(pack: Pack, test: str, unseen: int | None, *, by_slice: bool) -> tuple[np.ndarray, np.ndarray]:
    """Indices of training and test slices: of whole patients or, with `by_slice`, a random split of the same sizes."""
    folds = pack.patients["fold"].astype(str)
    tested = pack.rows(pack.patients[folds == test])
    known = pack.rows(pack.patients[(folds != test) & (folds != str(unseen))])
    if not by_slice:
        return known, tested
    both = np.random.default_rng(0).permutation(np.concatenate([known, tested]))
    return np.sort(both[: len(known)]), np.sort(both[len(known) :])


@click.command()
@click.option("--source", required=True, type=click.Path(exists=True, path_type=Path), help="Scans, kaggle_3m.")
@click.option("--recipe", required=True)
@click.option("--network", required=True, type=click.Choice(["classifier", "segmenter"]))
@click.option("--test", required=True, help="Fold that is held out and predicted; none trains on all patients.")
@click.option("--unseen", type=int, help="Fold that is left out altogether.")
@click.option("--encoder-of", metavar="RECIPE", help="Start a classifier from the encoder of this recipe's segmenter.")
@click.option("--by-slice", is_flag=True, help="Split slices at random instead of patients, to measure the inflation.")
@click.option("--place", default=Path("artifacts/quality"), type=click.Path(path_type=Path), show_default=True)
def main(
    source: Path,
    recipe: str,
    network: str,
    test: str,
    unseen: int | None,
    encoder_of: str | None,
    by_slice: bool,
    place: Path,
) -> None:
    """Train RECIPE without the held-out fold, and predict that."""
    params = recipe_params(recipe)
    size = getattr(params, network).image_size
    pack = packed(source, size, params.seed, place, scaled_by_volume=by_volume(recipe))
    known, tested = divided(pack, test, unseen, by_slice=by_slice)
    tag = f"{test}{'' if unseen is None else f'-without-{unseen}'}{'-by-slice' if by_slice else ''}"
    folder = place / recipe / f"{network}-{tag}"
    if encoder_of:
        params = started_from(place / encoder_of / f"segmenter-{tag}", params)
    if not folder.is_dir():
        people = sorted({fingerprint(name) for name in pack.patients_of(known)})
        begun = chained(recipe)[0].get("start")
        start = place / begun / folder.name if begun and network == "segmenter" else None
        train(network, params, pack.slices(), known, people, folder, start)
    if test != "none" and not (folder / "held_out.npz").is_file():
        predict(folder, pack.slices(), tested, pack.patients_of(tested))


if __name__ == "__main__":
    main()
