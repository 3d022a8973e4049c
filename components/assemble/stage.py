"""Assemble: two trained networks, and all choices made on validation patients, become one layered SavedModel."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

from components.assemble.agreement import check_agreement
from components.assemble.choices import choose
from components.assemble.validation_views import ValidationViews
from components.common.errors import UserError
from components.common.files import read_json
from components.common.held_stderr import filtered_stderr
from components.common.tables import read_splits
from components.layered.litert_files import ENTRY, described
from components.layered.writer import write, write_assets
from components.sources.reading import Options
from models.networks.network_files import load_network
from models.networks.network_layout import NETWORK
from models.serving.layered_model import Layered
from models.serving.litert_export import litert

IRRELEVANT_LOG = re.compile(rb"WARNING: All log messages before absl::|.* tf_tfl_flatbuffer_helpers\.cc:\d+\] Ignored")


def assemble(
    classifier: str | Path,
    segmenter: str | Path,
    scans: str | Path,
    splits: str | Path,
    layered: str | Path,
    *,
    sensitivity: float,
    refer: float,
    mirror: bool = False,
    smooth: bool = False,
    slices: Options | None = None,
) -> dict[str, Any]:
    """Make all choices on the validation patients and write the layered model.

    Args:
        classifier, segmenter: folders of the trained networks (network.json, network.weights.h5).
        scans: folder written by ingest.
        splits: CSV that maps patients to splits; only those in val are read.
        layered: folder to write: Format-Serving/, the SavedModel, with the choices, layered.json, and the networks as
            LiteRT files among its assets.
        sensitivity: fraction of tumour slices that stage 1 has to find.
        refer: fraction of the patients that a human should look at first.
        mirror: whether both stages also see the mirror image of every slice.
        smooth: whether stage 1 may be smoothed along a scan.
        slices: how volumes were resampled to slices, recorded for prediction.

    Returns:
        The content of layered.json.

    Raises:
        UserError: no validation patient has a tumour, LiteRT can't convert a network, or it disagrees with TensorFlow
            about a validation patient.
    """
    model = Layered(load_network(classifier), load_network(segmenter), mirror=mirror)
    table = read_splits(splits).query("split == 'val'")
    with tempfile.TemporaryDirectory(prefix="glioflow-assemble-") as folder:
        validation = ValidationViews(model, scans, list(table["patient"]), Path(folder))
        if not validation.labels.any():
            raise UserError(
                f"{splits}: no validation patient has a tumour, so no threshold can be chosen; raise split.val"
            )
        resampling = vars(slices or Options())
        record = {
            "neighbors": model.neighbors,
            "mirror": mirror,
            "slices": resampling,
            **choose(validation, sensitivity=sensitivity, refer=refer, smooth=smooth),
        }
        files = _converted(model)
        record[ENTRY] = described(files)
        write_assets(Path(folder) / "litert", record, files)
        check_agreement(Path(folder) / "litert", validation)
    record["made_from"] = {
        name: read_json(Path(network) / NETWORK)["made_from"]
        for name, network in (("classifier", classifier), ("segmenter", segmenter))
    }
    write(model, record, layered, files)
    return record


def _converted(model: Layered) -> dict[str, bytes]:
    """Convert both networks to LiteRT."""
    try:
        with filtered_stderr(IRRELEVANT_LOG):
            batch = 2 if model.mirror else 1
            return {name: litert(network, batch=batch) for name, network in vars(model.networks).items()}
    except ValueError as error:
        raise UserError(f"{error}; choose another backbone") from error
