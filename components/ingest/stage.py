"""Ingest: convert scans from any source to one NIfTI per patient and a manifest. No later stage sees source formats."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pandas as pd

from components.common.bars import bar
from components.common.errors import UserError
from components.common.files import atomic_file, atomic_folder
from components.common.problems import Problem
from components.common.tables import MANIFEST_COLUMNS, PROBLEM_COLUMNS
from components.ingest.duplicates import Duplicates
from components.ingest.patient import check_all, read_and_check
from components.scans.scan_files import image_path, mask_path
from components.sources import open_source
from components.sources.reading import Options

SHOWN = 20  # problems shown on the screen; the table has all


def evenly_spaced(names: list[str], count: int | None) -> list[str]:
    """Pick `count` of the sorted names, evenly spaced so that every site is represented; None picks all."""
    if count is None or count >= len(names):
        return names
    return [names[i * len(names) // count] for i in range(count)]


def ingest(
    address: str | Path,
    scans: str | Path,
    manifest: str | Path,
    table: str | Path,
    *,
    policy: Mapping[str, str],
    options: Options | None = None,
    patients: int | None = None,
    workers: int | None = 1,
) -> None:
    """Read the source at `address` and write `scans`, `manifest` and `table`.

    Args:
        address: folder, archive or `gs://` address of scans in a known format.
        scans: output folder; replaced as a whole, or unchanged if anything is refused.
        manifest: output CSV, columns `MANIFEST_COLUMNS`; written last, so if it is there, the scans are complete.
        table: output CSV of all problems found, columns `PROBLEM_COLUMNS`; written even if the source is refused.
        policy: action for each kind of problem: "refuse" the source, "quarantine" (leave the patient out), or "warn". A
            patient without a usable scan is left out in any case.
        options: size and spacing of the slices.
        patients: number of patients to take, see `evenly_spaced`; None takes all.
        workers: processes that read and write; None uses one per processor. The output does not depend on it.

    Raises:
        UserError: the source is refused, or fewer than 3 patients are usable; `table` lists all problems, and the first
            20 are printed.
    """
    with atomic_file(manifest) as sheet, open_source(address) as source, atomic_folder(scans) as part:
        names = evenly_spaced(source.patients, patients)
        found = [(problem, policy[problem.kind]) for problem in source.problems]
        duplicates, taken = Duplicates(), []
        job = partial(read_and_check, source=source, options=options or Options(), folder=part)
        with sheet.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, MANIFEST_COLUMNS, lineterminator="\n")
            writer.writeheader()
            for one in bar(check_all(job, names, workers), desc="ingest", unit="patient", total=len(names)):
                problems = [*one.problems, *duplicates.check(one.rows)]
                actions = [policy[problem.kind] for problem in problems]
                if not one.usable:  # nothing is left to process
                    actions = ["quarantine" if action == "warn" else action for action in actions]
                found += zip(problems, actions, strict=True)
                if one.usable and "quarantine" not in actions:
                    writer.writerows(one.rows)
                    duplicates.add(one.rows)
                    taken.append((str(one.rows[0]["subject"]), str(one.rows[0]["site"]), len(one.rows)))
                else:
                    for path in (image_path(part, one.patient), mask_path(part, one.patient)):
                        path.unlink(missing_ok=True)
        _report(address, found, table)
        persons, sites, slices = zip(*taken, strict=True) if taken else ((), (), ())
        print(
            f"{len(taken)} patients, {len(set(persons))} persons, {len(set(sites))} sites, {sum(slices)} slices, "
            f"{len(found)} problems"
        )
        if len(taken) < 3:
            raise UserError(
                f"{address}: {len(taken)} usable patient(s); train, val and test need one each, so 3 or more"
            )
        Path(manifest).unlink(missing_ok=True)  # it would not describe the new scans


def _report(address: str | Path, found: list[tuple[Problem, str]], table: str | Path) -> None:
    """Print and write the problems; raises UserError if any of them refuses the source."""
    rows = [(p.kind, action, p.patient, p.where, p.what, p.advice) for p, action in found]
    with atomic_file(table) as part:
        pd.DataFrame(rows, columns=PROBLEM_COLUMNS).to_csv(part, index=False)
    for problem, action in sorted(found, key=lambda one: one[1] != "refuse")[:SHOWN]:
        print(f"{action}: {problem}")
    if len(found) > SHOWN:
        print(f"... and {len(found) - SHOWN} more in {table}")
    refused = [problem for problem, action in found if action == "refuse"]
    if refused:
        more = f" (and {len(refused) - 1} more, all in {table})" if len(refused) > 1 else ""
        raise UserError(f"{address}: {refused[0]}{more}; or change ingest.policy.{refused[0].kind}")
