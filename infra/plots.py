#!/usr/bin/env python3
"""Write .dvc/plots/page.html, the page of `dvc plots show`, with the plotting code inside, so that it needs no network.

DVC's own page loads Vega from a server. Here Vega comes from npm, checked against infra/plots/package-lock.json.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from pip_settings import npm_environment

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "infra" / "plots"
PAGE = ROOT / ".dvc" / "plots" / "page.html"
PACKAGES = ("vega", "vega-lite", "vega-embed")  # each needs those before it
HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
{refresh_tag}
<title>glioflow: curves</title>
<!-- Written by infra/plots.py. -->
"""
FOOT = """<style>body { font-family: sans-serif; margin: 1rem; }</style>
</head>
<body>
{plot_divs}
</body>
</html>
"""


def page(modules):
    """The page template that DVC fills.

    Args:
        modules: folder in which the packages are installed.
    """
    parts = [HEAD]
    for name in PACKAGES:
        package = modules / name
        version = json.loads((package / "package.json").read_text(encoding="utf-8"))["version"]
        licence = (package / "LICENSE").read_text(encoding="utf-8").strip()
        code = (package / "build" / (name + ".min.js")).read_text(encoding="utf-8").strip()
        code = code.partition("//# sourceMappingURL")[0].replace("</script", "<\\/script")
        parts.append(f"<!-- {name} {version}\n{licence}\n-->\n<script>{code}</script>\n")
    return "".join([*parts, FOOT])


def main():
    """Install the packages into a temporary folder and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=PAGE, metavar="FILE")
    target = parser.parse_args().out
    with tempfile.TemporaryDirectory(prefix="glioflow-plots-") as folder:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(str(LOCK / name), folder)
        npm = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"]
        if not shutil.which("npm"):
            sys.exit("infra/plots.py: no npm on the PATH; run `make checks-setup`, then put .venv-checks/bin on it")
        if subprocess.run(npm, cwd=folder, env=npm_environment(), stdout=subprocess.DEVNULL).returncode:
            sys.exit("infra/plots.py: `npm ci` failed, as the lines above say; check ~/.npmrc")
        text = page(Path(folder) / "node_modules")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
