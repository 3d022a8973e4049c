"""How a prediction's scans were read: masks lie on the slices that came of it, and can be compared on no others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from components.common.errors import UserError
from components.common.files import read_json
from components.layered.record import digest, read_record
from components.predict import results
from components.predict.work import options_of
from components.scans.own_voxels import scan_hash
from components.scans.scan import Scan
from components.sources.reading import Options


class RecordedOptions:
    """The `Options` of each patient of a prediction.

    Args:
        predictions: folder of a prediction, or a table of predictions.
        model: folder of the model that the user names as the one that predicted; None if they name none.
    """

    def __init__(self, predictions: Path, model: Path | None) -> None:
        self.predictions, self.model = predictions, model
        inside = predictions.is_file() and predictions.name == results.PREDICTIONS
        self.folder = predictions.parent if inside else predictions
        self.of_model = options_of(read_record(model)) if model else None

    def of(self, patient: str) -> Options | None:
        """Return the options of a patient's scan; None if neither the prediction nor a named model tells.

        Raises:
            UserError: the named model contradicts what the prediction recorded.
        """
        recorded = self._recorded(patient)
        if recorded is None:
            self._check_model()
            return self.of_model
        if self.of_model is not None and _values(self.of_model) != _values(recorded):
            raise UserError(
                f"{self.model}: reads scans as {_words(self.of_model)}, and {self.predictions} was predicted from "
                f"{_words(recorded)}; leave --model out, since the prediction records how scans were read"
            )
        return recorded

    def is_other(self, scan: Scan) -> bool:
        """Return whether the prediction recorded another scan of this name than this one, read with its options."""
        recorded = self._record(scan.patient).get("scan")
        return recorded is not None and recorded != scan_hash(scan)

    def unknown(self) -> UserError:
        """Return the error for a scan that can't be compared without its options."""
        return UserError(
            f"{self.predictions}: does not record how volumes were resampled to slices, as an earlier version or "
            "another program wrote it; name the model that predicted with --model, or predict again"
        )

    def _recorded(self, patient: str) -> Options | None:
        read_with = self._record(patient).get("read_with")
        return None if read_with is None else Options(**read_with)

    def _record(self, patient: str) -> dict[str, Any]:
        return results.read_record(self.folder, patient) if results.is_done(self.folder, patient) else {}

    def _check_model(self) -> None:
        """Refuse a named model that is not the one that predicted, where nothing else says how scans were read."""
        run = self.folder / results.RUN
        if self.model is not None and run.is_file() and read_json(run).get("model") != digest(self.model):
            raise UserError(f"{self.model}: is not the model that predicted {self.predictions}; name that one")


def _values(options: Options) -> dict[str, Any]:
    return vars(options) | {"channels": tuple(options.channels)}  # a list once they have been JSON


def _words(options: Options) -> str:
    return f"slices of {options.size} pixels of {options.spacing:g} mm, channels {','.join(options.channels)}"
