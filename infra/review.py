#!/usr/bin/env python3
"""Fetch NiiVue, with which `glioflow review` shows scans, from npm into .tools/review: `make review-setup`.

Checked against infra/review/package-lock.json. Does nothing if the file is there and the lock has not changed.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "infra" / "review"
TARGET = ROOT / ".tools" / "review"
FILE = Path("node_modules", "@niivue", "niivue", "dist", "niivue.umd.js")


def main():
    """Install the package into a temporary folder, and keep the one file that the page loads."""
    stamp, digest = TARGET / "lock.sha256", hashlib.sha256((LOCK / "package-lock.json").read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == digest and (TARGET / FILE.name).is_file():
        return
    own = str(ROOT / ".venv-checks" / "bin")  # has Node.js, where the machine has none
    environment = dict(os.environ, PATH=os.pathsep.join([os.environ.get("PATH", os.defpath), own]))
    npm = shutil.which("npm", path=environment["PATH"])
    if npm is None:
        sys.exit("infra/review.py: no npm here; install Node.js, or run `make checks-setup`, which brings it")
    with tempfile.TemporaryDirectory(prefix="glioflow-review-") as folder:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(str(LOCK / name), folder)
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"]
        if subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL).returncode:
            sys.exit("infra/review.py: `npm ci` failed; the lines above say why")
        TARGET.mkdir(parents=True, exist_ok=True)
        part = TARGET / (FILE.name + ".part")
        shutil.copy(str(Path(folder) / FILE), str(part))
        part.replace(TARGET / FILE.name)
    stamp.write_text(digest)
    print("the viewer of `glioflow review` is in " + str(TARGET))


if __name__ == "__main__":
    main()
