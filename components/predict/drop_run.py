"""Predict what was dropped into a folder, patient by patient, so that a stop loses no patient that is done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from components.common.errors import UserError
from components.common.files import atomic_file, read_json, write_json
from components.common.system import is_full
from components.layered.record import digest
from components.predict import results
from components.predict.checked_reading import Job
from components.predict.detector import Detector
from components.predict.local_run import predict_patient, write
from components.predict.run_options import RunOptions
from components.predict.work import claim, opened, options_of
from components.sources import Source
from components.sources.reading import Options, Reading

Read = Callable[[Job, list[Source], Options], Reading]
STARTS, WARNINGS = "starts.json", "warnings.txt"
MAX_STARTS = 3  # starts without a finished patient: whatever kills the process would kill it for ever


class DropRun:
    """Predicts one drop after the other with one model.

    Args:
        model: folder of the model.
        sha: its digest when it was loaded.
        detector: that model, loaded.
        read: function that reads a patient, `checked_reading.read_one` or the same in another process.
        options: how to predict; `detector` was loaded with them.
        log: function called after each patient with a line on the outcome, which holds no name.
        stopping: function that says whether to stop after the patient under way.
    """

    def __init__(
        self,
        model: Path,
        sha: str,
        detector: Detector,
        read: Read,
        *,
        options: RunOptions,
        log: Callable[[str], None],
        stopping: Callable[[], bool],
    ) -> None:
        self.model, self.sha, self.detector, self.read = model, sha, detector, read
        self.options, self.log, self.stopping = options, log, stopping

    def __call__(self, place: Path, folder: Path, label: str) -> bool:
        """Predict all patients at `place` and write to `folder`, going on with what is there.

        Args:
            label: label of the drop in the log.

        Returns:
            Whether all are done; False if `stopping` ended the loop.

        Raises:
            OSError, UserError: the folder can't be written, or the model's files have changed.
        """
        if digest(self.model) != self.sha:
            raise UserError(f"{self.model}: the model has changed since the start; start again to use the new one")
        claim(folder, self.model)
        if _starts(folder) > MAX_STARTS:
            return self._failed(folder, label, f"the process that predicted it was killed {MAX_STARTS} times")
        try:
            return self._all(place, folder, label)
        except Exception as error:  # the next drop has to follow, whatever this one holds
            if is_full(error):
                raise
            reason = str(error) if isinstance(error, UserError) else f"it can't be predicted ({type(error).__name__})"
            return self._failed(folder, label, reason)

    def _all(self, place: Path, folder: Path, label: str) -> bool:
        with opened([str(place)], folder, self.model, self.options, resume=True) as work:
            results.discard(folder, (patient for _, patient in work.jobs))
            options = options_of(self.detector.record)
            for number, job in enumerate(work.jobs, start=work.skipped + 1):
                if self.stopping():
                    return False
                reading = self.read(job, work.sources, options)
                write(folder, work.sources[job[0]], predict_patient(reading, self.detector), self.options)
                self.log(f"{label}: patient {number} of {work.skipped + len(work.jobs)}: {_outcome(folder, job[1])}")
            problems = [problem for source in work.sources for problem in source.problems]
            results.write_lost(folder, problems)
        warnings = [str(problem) for problem in problems if not problem.lost]
        if warnings:
            with atomic_file(folder / WARNINGS) as part:
                part.write_text("".join(f"{line}\n" for line in warnings), encoding="utf-8")
            self.log(f"{label}: {len(warnings)} warnings, see {WARNINGS}")
        self._finish(folder)
        return True

    def _failed(self, folder: Path, label: str, reason: str) -> bool:
        results.write_failure(folder, f"{results.NAMELESS}1", [reason])
        self.log(f"{label}: FAILED, see its notes in patients.csv")
        self._finish(folder)
        return True

    def _finish(self, folder: Path) -> None:
        results.gather(folder)
        (folder / STARTS).unlink()


def _starts(folder: Path) -> int:
    """Count the starts on a drop since its last finished patient, including this one."""
    ended = len(list((folder / "patients").glob("*.json")))
    try:
        before: dict[str, Any] = read_json(folder / STARTS)
    except (UserError, ValueError):  # the first one, or cut short by a power failure
        before = {"ended": -1}
    starts = before["starts"] + 1 if before["ended"] == ended else 1
    write_json(folder / STARTS, {"ended": ended, "starts": starts})
    return starts


def _outcome(folder: Path, patient: str) -> str:
    record = results.read_record(folder, patient)
    if record["status"] == results.FAILED:
        return "FAILED, see its notes in patients.csv"
    return f"{record['slices']} slices, {record['tumor_slices']} with tumour"
