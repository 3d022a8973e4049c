"""The network that training starts from: the reference model's, or one that an earlier run wrote.

A network that starts from another has also learned from that one's patients. They are therefore recorded with its own,
and none of them may be in the test split.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.common.errors import UserError
from components.common.params import Params
from models.networks.network_layout import NETWORK, WEIGHTS

REFERENCE = "reference"
REFERENCE_WEIGHTS = Path(
    "benchmarks/quality/reference"
)  # of both networks; a dependency of the training stages in dvc.yaml


@dataclass(frozen=True)
class Start:
    """A trained network to start from.

    Attributes:
        name: the parameter's value, "reference" or a folder.
        folder: where its files lie.
        arguments: arguments that it was built with.
        fingerprints: fingerprints of the persons that it was trained or chosen on; at least one.
        digest: SHA-256 of its files.
        lineage: `name`, and before it what that network started from, and so on, newest first.
    """

    name: str
    folder: Path
    arguments: dict[str, Any]
    fingerprints: frozenset[str]
    digest: str
    lineage: tuple[str, ...]


def folder_of(name: str, network: str) -> Path:
    """Return the folder that a value of `start` stands for; `network` is "classifier" or "segmenter"."""
    return REFERENCE_WEIGHTS / network if name == REFERENCE else Path(name)


def read_start(params: Params, network: str, folder: str | Path | None = None) -> Start | None:
    """Read what is known of the network that training starts from, without its weights; None if it starts from none.

    Args:
        params: all parameters.
        network: "classifier" or "segmenter".
        folder: copy of the files, if they are not where the parameter says.

    Raises:
        UserError: a file is missing or damaged, holds the other network, or does not record whom it was trained on.
    """
    name = getattr(params, network).start
    if name is None:
        return None
    place = Path(folder or folder_of(name, network))
    about = f"params.yaml: {network}.start: {name}"
    lacking = [file for file in (NETWORK, WEIGHTS) if not (place / file).is_file()]
    if lacking:
        raise UserError(f"{about}: no {' and no '.join(lacking)} there; {_remedy(name, network, place)}")
    written = (place / NETWORK).read_bytes()
    try:
        record = json.loads(written)
        kind, arguments, made_from = (record[key] for key in ("network", "arguments", "made_from"))
        fingerprints = frozenset(map(str, made_from.get("people") or ()))
        lineage = (name, *map(str, made_from.get("started_from") or ()))
        known = {**arguments}
        if kind not in ("classifier", "segmenter"):
            raise ValueError(kind)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UserError(f"{about}: its {NETWORK} is damaged; copy the folder again") from error
    if kind != network:
        raise UserError(f"{about}: holds a {kind}; name a folder with a {network}")
    if not fingerprints:
        raise UserError(
            f"{about}: does not record whom it was trained on, so no later check could find a leak; start from a "
            f"network whose {NETWORK} lists people, or train it again"
        )
    sha = hashlib.sha256(written)
    sha.update((place / WEIGHTS).read_bytes())
    return Start(name, place, known, fingerprints, sha.hexdigest(), lineage)


def _remedy(name: str, network: str, place: Path) -> str:
    if name == REFERENCE:
        return f"restore it with `git checkout -- {place}`, which only a checkout of the project has"
    tracked = next((f"{each}.dvc" for each in (place, *place.parents) if Path(f"{each}.dvc").is_file()), None)
    if tracked:
        return f"`dvc pull {tracked}` fetches it"
    return f"copy artifacts/{network} of the run that trained it"


def refuse_tested(start: Start, network: str, tested: Collection[str]) -> None:
    """Refuse a start that was trained or chosen on somebody who is to be tested.

    Args:
        start: network to start from.
        network: "classifier" or "segmenter".
        tested: fingerprints of the test patients.

    Raises:
        UserError: it was; the message counts them.
    """
    seen = start.fingerprints.intersection(tested)
    if seen:
        raise UserError(
            f"params.yaml: {network}.start: {start.name} was trained or chosen on {len(seen)} of the "
            f"{len(set(tested))} test patients, whose scores would be worthless; let split.file put them into train, "
            "leave them out of the source, or take another start"
        )


def known_validation(start: Start, network: str, validated: Collection[str]) -> int:
    """Count the validation patients, by fingerprint, on whom the start was trained or chosen; prints a warning if any.

    They are not refused, because users who continue training their own model keep its validation patients. How far the
    choices made on those generalise shows on the test patients.
    """
    seen = start.fingerprints.intersection(validated)
    if seen:
        print(
            f"{network}: {start.name} was trained or chosen on {len(seen)} of the {len(set(validated))} validation "
            "patients: their scores, and the choices made on them, are too optimistic; the test patients are new to it"
        )
    return len(seen)
