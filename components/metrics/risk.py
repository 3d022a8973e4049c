"""Does doubt know where the errors are? Risk-coverage curves (El-Yaniv & Wiener 2010; AURC: Geifman 2019).

Patients are kept in order of increasing doubt; risk is the mean of 1 - volume Dice of those kept. Uninformative doubt
gives a flat line; an oracle that ranks by true Dice gives the lowest possible curve.
"""

from __future__ import annotations

import numpy as np
import pandas as pd


def risk_coverage(doubt: np.ndarray, dice: np.ndarray) -> pd.DataFrame:
    """Risk as ever more doubtful patients are kept.

    Args:
        doubt: any scale, higher is more doubtful; finite, [patients].
        dice: volume Dice, 0..1; finite, [patients].

    Returns:
        One row for each number of patients kept, 1, 2, .., all: coverage (their share), risk, random (of keeping at
        random), oracle; all 0..1. Patients of equal doubt count as their mean, so their order can't matter. No rows
        without patients.

    Raises:
        ValueError: the lengths differ or a number is not finite.
    """
    doubt, loss = np.asarray(doubt, float), 1 - np.asarray(dice, float)
    if doubt.shape != loss.shape or not np.isfinite([doubt, loss]).all():
        raise ValueError("every patient needs a finite doubt and a finite Dice")
    if not len(loss):
        return pd.DataFrame(columns=["coverage", "risk", "random", "oracle"], dtype=float)
    kept = np.arange(1, len(loss) + 1)
    _, tie = np.unique(doubt, return_inverse=True)
    expected = (np.bincount(tie, loss) / np.bincount(tie))[np.sort(tie)]
    return pd.DataFrame(
        {
            "coverage": kept / len(loss),
            "risk": expected.cumsum() / kept,
            "random": loss.mean(),
            "oracle": np.sort(loss).cumsum() / kept,
        }
    )


def aurc(curve: pd.DataFrame) -> dict[str, float | None]:
    """Areas under the curves of `risk_coverage`: means over its rows.

    Returns:
        aurc, aurc_random (its floor), aurc_oracle (the least possible), each 0..1; gain: fraction of the way from
        random to oracle, 1 at the oracle, 0 at chance, below 0 if doubt misleads; None if all Dice are equal. All None
        without patients.
    """
    if curve.empty:
        return dict.fromkeys(("aurc", "aurc_random", "aurc_oracle", "gain"))
    area, chance, oracle = (float(curve[name].mean()) for name in ("risk", "random", "oracle"))
    way = chance - oracle
    gain = (chance - area) / way if way > 1e-12 else None
    return {"aurc": area, "aurc_random": chance, "aurc_oracle": oracle, "gain": gain}
