"""Patient by patient: bars from best to worst, and which patients to look at first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from components.metrics.referral import refer_list
from components.report.formatting import count, measured, number, p_value, percent
from components.report.run_data import Run


def bars(run: Run) -> list[dict[str, Any]]:
    """One bar per patient with tumour, best first: name, dice, referred, and the champion's dice or None."""
    other = {} if run.champion is None else dict(zip(run.champion["patient"], run.champion["volume_dice"], strict=True))
    return [
        {
            "patient": row.patient,
            "dice": row.volume_dice,
            "referred": bool(row.referred),
            "champion": other[row.patient] if measured(other.get(row.patient)) else None,
        }
        for row in run.with_tumor.itertuples()
    ]


def in_words(run: Run) -> str:
    """The key numbers of the bars, in words."""
    with_tumor = run.with_tumor
    if with_tumor.empty:
        return "Not measured: no test patient has a tumour in the reference."
    best, worst = with_tumor.iloc[0], with_tumor.iloc[-1]
    middle = number(float(np.median(with_tumor["volume_dice"])))
    return (
        f"Volume Dice of {count(len(with_tumor), 'patient')} with tumour, best to worst: "
        f"from {number(best['volume_dice'])} ({best['patient']}) down to {number(worst['volume_dice'])} "
        f"({worst['patient']}), median {middle}; "
        f"{int(with_tumor['referred'].sum())} of them referred."
    )


def healthy(run: Run) -> list[dict[str, Any]]:
    """Patients without a tumour in the reference, and what the model predicts in them."""
    table = run.patients
    none = table[table["volume_dice"].isna()].sort_values("predicted_ml", ascending=False, kind="stable")
    return [{"patient": row.patient, "ml": row.predicted_ml} for row in none.itertuples()]


def referred(run: Run) -> pd.DataFrame:
    """Scores of the referred patients, the most doubtful first."""
    table = run.patients.set_index("patient", drop=False)
    names = refer_list(dict(zip(table.index, table["doubt"], strict=True)), threshold=_threshold(run))
    return table.loc[names].reset_index(drop=True)


def _threshold(run: Run) -> float:
    return float(run.metrics["doubt"]["refer_at_doubt"])


def refer_rows(run: Run) -> list[dict[str, Any]]:
    """Rows of the refer list."""
    bad = run.metrics["doubt"]["bad_below_volume_dice"]
    return [
        {
            "patient": row.patient,
            "doubt": number(row.doubt),
            "dice": number(row.volume_dice) if measured(row.volume_dice) else "no tumour in the reference",
            "bad": measured(row.volume_dice) and row.volume_dice < bad,
            "reference_ml": number(row.reference_ml, 1),
            "predicted_ml": number(row.predicted_ml, 1),
        }
        for row in referred(run).itertuples()
    ]


def refer_words(run: Run) -> list[str]:
    """Whether the refer list catches the errors, in words."""
    doubt = run.metrics["doubt"]
    bad, errors = doubt["bad_below_volume_dice"], doubt["errors"]
    sentences = [
        f"{count(len(referred(run)), 'patient')} of {len(run.patients)} with a doubt of {number(_threshold(run))} or "
        "more: a human should look at them first. Doubt ranges from 0 (certain) to 1 and needs no reference; its "
        f"threshold was chosen on validation patients, to refer {percent(run.params.assemble.refer)} of them."
    ]
    if not doubt["patients"]:
        return [*sentences, "Whether the list catches the errors was not measured: no test patient has a tumour."]
    if not errors:
        return [*sentences, f"No patient has a volume Dice below {bad:g}, so there was no error to catch."]
    if not doubt["referred"]:
        return [*sentences, f"The list holds none of {count(errors, 'patient')} with a volume Dice below {bad:g}."]
    return [
        *sentences,
        f"The list holds {doubt['caught']} of {count(errors, 'patient')} with a volume Dice below {bad:g}. "
        f"A random list of that length would hold {percent(doubt['chance'])} of them on average, and at least as many "
        f"as this one with p {p_value(doubt['p_value'])}.",
    ]
