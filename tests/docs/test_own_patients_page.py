"""The settings that docs/how-to/own-patients.md gives for the reference model fit its networks."""

from __future__ import annotations

import shlex

from conftest import ROOT
from pages import blocks

from components.common import params, yaml_text
from components.train.settings import start_of
from pipelines.editing.params_text import put

PAGE = ROOT / "docs" / "how-to" / "own-patients.md"


def test_the_settings_of_the_page_fit_the_reference_model_at_scale_laptop(monkeypatch):
    monkeypatch.chdir(ROOT)
    (command,) = (block.text for block in blocks(PAGE) if "segmenter.start=reference" in block.text)
    settings = [word for word in shlex.split(command.replace("\\\n", " ")) if "=" in word]
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    changed, _ = put(text, ["scale=laptop", *settings], "params.yaml")
    chosen = params.parse(yaml_text.parse(changed, "params.yaml"))
    for network in ("classifier", "segmenter"):
        assert len(start_of(chosen, network).fingerprints) > 80
