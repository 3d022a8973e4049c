"""Hash distances of different persons' slices and of copies: `python benchmarks/near_duplicates.py --source DIR`.

Justifies `split.near` of params.yaml: up to this distance, in bits of a perceptual hash, the audit takes two slices for
one.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pandas as pd
from PIL import Image

from components.scans.perceptual_hash import SIDE, bits, mirrored, perceptual_hash
from components.sources import Source, open_source
from components.sources.demo import write_demo
from components.split.stage import NEAR

BITS = SIDE**2
SEED = 20260101


def slices(source: Source) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the subject and the picture, uint8 [height, width, 3], of every slice."""
    for patient in source.patients:
        scan = source.read(patient, masks=False).scan
        assert scan is not None, f"{patient}: not readable"
        yield from ((scan.subject, np.ascontiguousarray(image)) for image in scan.image)


def copies(image: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """What tools make of a slice, uint8 [height, width, 3]: change to picture of that shape and type."""
    picture, jpeg, linear = Image.fromarray(image), io.BytesIO(), Image.Resampling.BILINEAR
    width, height = picture.size
    smaller = picture.resize((width * 15 // 16, height * 15 // 16), linear)  # 256 to 240
    picture.save(jpeg, "jpeg", quality=70)
    changed = {
        "JPEG, quality 70": Image.open(jpeg),
        "resized to 240/256 and back": smaller.resize(picture.size, linear),
        "brighter, x 1.15 + 3": image * 1.15 + 3,
        "gamma 1.2": 255 * (image / 255) ** 1.2,
        "noise, sd 6": image + rng.normal(0, 6, image.shape),
        "4 pixels cropped, resized": picture.crop((4, 4, width - 4, height - 4)).resize(picture.size, linear),
        "shifted by 2 pixels": np.roll(image, 2, axis=1),
        "mirrored": image[:, ::-1],
    }
    return {kind: np.clip(np.asarray(made), 0, 255).astype(np.uint8) for kind, made in changed.items()}


def apart(one: list[str], others: list[str]) -> np.ndarray:
    """Bits in which hashes differ, mirrored or not: [one, others]."""
    here, there = bits(one), bits(others)
    return (BITS - np.maximum(here @ there.T, mirrored(here) @ there.T)) / 2


@click.command()
@click.option("--source", type=click.Path(exists=True, path_type=Path), help="Without it, 12 synthetic patients.")
@click.option("--count", default=200, show_default=True, type=click.IntRange(min=1), help="Slices to copy.")
def main(source: Path | None, count: int) -> None:
    """Measure distances between slices of two persons, and between a slice and its copies."""
    rng, rows = np.random.default_rng(SEED), []
    with tempfile.TemporaryDirectory() as folder:
        if source is None:
            source = Path(folder) / "demo"
            write_demo(source, patients=12, slices=14, size=256, seed=SEED)
        with open_source(source) as opened:
            subjects, texts = zip(*((who, perceptual_hash(image)) for who, image in slices(opened)), strict=True)
            shown = [number for number, text in enumerate(texts) if text]
            chosen = set(rng.choice(shown, min(count, len(shown)), replace=False))
            for number, (who, image) in enumerate(slices(opened)):
                if number in chosen:
                    for kind, picture in copies(image, rng).items():
                        text = perceptual_hash(picture)
                        distance = apart([texts[number]], [text]).item() if text else BITS
                        rows.append((kind, who, distance, distance <= NEAR))
    hashed, persons = [texts[number] for number in shown], np.array(subjects)[shown]
    between_persons = apart(hashed, hashed)
    between_persons[persons[:, None] == persons] = BITS
    nearest, false_matches = between_persons.min(axis=1), (between_persons <= NEAR).sum() // 2
    kinds = pd.DataFrame(rows, columns=["kind", "who", "bits", "found"]).groupby("kind", sort=False)

    print(f"{len(set(subjects))} persons, {len(texts)} slices, {len(shown)} bright enough for a hash ({BITS}: none)\n")
    print("| bits | least | 0.1 % | 1 % | median | 95 % | most | persons found |\n" + "|---" * 8 + "|")
    print("| nearest of another person |", *(f"{np.percentile(nearest, q):.0f} |" for q in (0, 0.1, 1, 50)), "| | |")
    for kind, copied in kinds:
        caught = copied.groupby("who")["found"].any()  # one slice is enough
        spread = (f"{copied['bits'].quantile(q):.0f} |" for q in (0.5, 0.95, 1))
        print(f"| copy: {kind} | | | |", *spread, f"{caught.sum()} of {len(caught)} |")
    shares = ", ".join(f"{share:.1%} ({kind})" for kind, share in kinds["found"].mean().items())
    flagged = f"{false_matches} pairs of slices of different persons"
    print(f"\nNEAR = {NEAR} finds {shares} of the copies and flags {flagged}.")


if __name__ == "__main__":
    main()
