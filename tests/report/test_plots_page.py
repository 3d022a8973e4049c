"""`dvc plots show` works offline: the project's page template bundles the plotting libraries."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

import pytest
import yaml
from browser import CHROMIUM, open_browser
from conftest import ROOT
from whole_project import run_command

from components.report.curves import write_plots

pytest_plugins = ["run_fixtures"]
PAGE = ROOT / ".dvc" / "plots" / "page.html"


@pytest.fixture(scope="module")
def plots_page(tmp_path_factory, finished):
    """The page that DVC makes from a run's curves, and the number of curves."""
    folder = tmp_path_factory.mktemp("shown")
    shutil.copytree(
        ROOT / ".dvc", folder / ".dvc", ignore=lambda _, names: set(names) - {"config", "plots", "page.html"}
    )
    config = folder / ".dvc" / "config"
    without_git = config.read_text(encoding="utf-8").replace("[core]", "[core]\n    no_scm = true")
    config.write_text(without_git, encoding="utf-8")
    write_plots(folder / "reports" / "plots", finished)
    plots = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["plots"]
    plots = [plot for plot in plots if "reports/plots" in str(plot)]
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"plots": plots}), encoding="utf-8")
    result = run_command("dvc", "plots", "show", cwd=folder)
    assert result.returncode == 0, result.stderr
    return folder / "dvc_plots" / "index.html", len(plots)


def test_the_page_loads_nothing(plots_page):
    page, _ = plots_page
    text = page.read_text(encoding="utf-8")
    assert "vegaEmbed('#" in text
    assert re.findall(r"<script\b[^>]*\bsrc", text) == []
    markup = re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)  # their strings contain markup, too
    assert re.findall(r"<(?:link|img|iframe)\b", markup) == []


@pytest.mark.skipif(CHROMIUM is None, reason="no browser here: apt-get install chromium")
def test_every_curve_is_drawn(plots_page):
    page, curves = plots_page
    requested, errors = [], []
    with open_browser() as browser, browser.new_page() as tab:
        tab.on("request", lambda request: requested.append(request.url))
        # Vega warns about empty bins.
        tab.on("console", lambda message: errors.append(message.text) if message.type != "warning" else None)
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.goto(page.as_uri())
        assert tab.locator(".vega-embed canvas").count() == curves
        widths = tab.evaluate('[...document.querySelectorAll("canvas")].map(one => one.width)')
    assert [address for address in requested if not address.startswith(("data:", "blob:"))] == [page.as_uri()]
    assert errors == []
    assert min(widths) > 100


def test_the_page_names_its_libraries_and_their_copyright():
    text = PAGE.read_text(encoding="utf-8")
    wanted = yaml.safe_load((ROOT / "infra" / "plots" / "package.json").read_text(encoding="utf-8"))["dependencies"]
    for name, version in wanted.items():
        assert f"<!-- {name} {version}\nCopyright" in text


@pytest.mark.nightly  # asks npm
def test_the_page_can_be_rebuilt_from_the_lock_file(tmp_path):
    if not shutil.which("npm"):
        pytest.skip("no npm here")
    subprocess.run([sys.executable, "infra/plots.py", "--out", tmp_path / "page.html"], cwd=ROOT, check=True)
    assert (tmp_path / "page.html").read_bytes() == PAGE.read_bytes()
