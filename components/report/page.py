"""The page: one self-contained HTML file for people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
import yaml

from components.common import versions
from components.common.files import atomic_file
from components.evaluate.gate import BLESSED
from components.report import champion_section, data_card, detection, formatting, groups, numbers, patient_section
from components.report.gallery import gallery
from components.report.learning import learning_curves
from components.report.run_data import Run
from components.report.volume_chart import volume_panel, volume_words

TEMPLATES = Path(__file__).parent / "templates"


def environment(*, html: bool) -> jinja2.Environment:
    """Templates of this package; an undefined name is an error, and HTML is escaped."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=html,  # noqa: S701  the model card is Markdown
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {
        "number": formatting.number,
        "percent": formatting.percent,
        "span": formatting.span,
        "cell": formatting.cell,
    }
    made.globals["count"] = formatting.count
    return made


def write_page(path: str | Path, run: Run) -> None:
    """Write the page of a run."""
    page = environment(html=True).get_template("page.html.j2").render(**contents(run))
    with atomic_file(path) as part:
        part.write_text(page, encoding="utf-8")


def contents(run: Run) -> dict[str, Any]:
    """The page's content."""
    columns, rows = groups.tfma_rows(run)
    return {
        "run": run,
        "metrics": run.metrics,
        "verdict": run.verdict,
        "blessed": run.verdict["verdict"] == BLESSED,
        "tested": numbers.tested(run),
        "cards": numbers.cards(run),
        "headline": numbers.headline(run),
        "learning": learning_curves(run.histories),
        "bars": patient_section.bars(run),
        "bars_in_words": patient_section.in_words(run),
        "healthy": patient_section.healthy(run),
        "volumes": volume_panel(run),
        "volume_words": volume_words(run),
        "cohorts": groups.cohort_groups(run),
        "end_to_end": groups.end_to_end(run),
        "processing": formatting.processing(run.record["processing"]),
        "detection": detection.detection_panels(run),
        "calibration": detection.calibration_words(run),
        "risk": detection.risk_panel(run),
        "refer": patient_section.refer_rows(run),
        "refer_words": patient_section.refer_words(run),
        "gallery": gallery(run),
        "champion": champion_section.champion_words(run),
        "champion_rows": champion_section.champion_rows(run),
        "tfma_columns": columns,
        "tfma_rows": rows,
        "splits": data_card.splits(run),
        "problems": data_card.problems(run),
        "starts": data_card.start_words(run),
        "drift": data_card.drift_words(run),
        "reviews": data_card.review_words(run),
        "parameters": yaml.safe_dump(run.params.model_dump(mode="json"), sort_keys=False),
        "code": versions.code_version(),
        "data_versions": data_card.data_versions(run),
        "packages": versions.packages(),
    }
