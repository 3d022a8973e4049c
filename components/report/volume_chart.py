"""Volume drawn over volume of the reference: does the error depend on the size of the tumour?"""

from __future__ import annotations

from components.evaluate.cohorts import tumor_size
from components.report.formatting import count, number, percent
from components.report.panels import Panel
from components.report.run_data import Run
from components.report.svg import Chart

TITLE = "Volume by size of the tumour"


def volume_panel(run: Run) -> Panel:
    """One dot per patient with tumour."""
    table = run.with_tumor
    if table.empty:
        return Panel(TITLE, "Not measured: no test patient has a tumour in the reference.")
    reference, drawn = table["reference_ml"], table["predicted_ml"]
    top = 1.05 * float(max(reference.max(), drawn.max()))
    chart = Chart((0, top), (0, top), "reference, ml", "drawn, ml")
    chart.line([0, top], [0, top], "pale")
    chart.dots(reference.tolist(), drawn.tolist(), "one")
    bias = float(table["volume_error"].mean())
    kind = "too much" if bias > 0 else "too little"
    words = (
        f"Predicted against reference volume of {count(len(table), 'patient')}, reference from "
        f"{number(reference.min(), 1)} to {number(reference.max(), 1)} ml: {percent(abs(bias))} {kind} on average."
    )
    note = "Above the dotted line, too much is drawn; below it, too little."
    return Panel(TITLE, note, chart.draw(words), (("dot one", "a patient"), ("pale", "equal volumes")))


def volume_words(run: Run) -> list[str]:
    """How far the volume is off, and what Dice there is, by size of the tumour, smallest first."""
    table = run.with_tumor
    sizes = table.sort_values("reference_ml").groupby(table["reference_ml"].map(tumor_size), sort=False)
    return [
        f"{size.capitalize()}: {count(len(some), 'patient')}, mean volume Dice {number(some['volume_dice'].mean())}; "
        f"the volume is off by {percent(some['volume_error'].abs().mean())} on average."
        for size, some in sizes
    ]
