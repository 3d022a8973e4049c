"""The stages of the toy workflow: each writes what it has read, so that a wrong input shows up at the end."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path


def write(path, text):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)


def demo(seed):
    write("data/demo/scan", f"scan of seed {seed}\n")


def ingest(source):
    if source.startswith("gs://"):
        bucket, _, prefix = source.removeprefix("gs://").partition("/")
        server = f"{os.environ['STORAGE_EMULATOR_HOST']}/storage/v1/b/{bucket}/o"
        found = json.load(urllib.request.urlopen(f"{server}?prefix={prefix}/"))["items"]
        names = [urllib.parse.quote(each["name"], safe="") for each in found]
        scans = [urllib.request.urlopen(f"{server}/{name}?alt=media").read().decode() for name in sorted(names)]
    else:
        scans = [path.read_text() for path in sorted(Path(source).iterdir())]
    write("data/scans/all.txt", "".join(scans))
    write("data/manifest.csv", f"{len(scans)} scans\n")


def split():
    ledger = Path("data/ledger.csv")
    before = ledger.read_text() if ledger.exists() else ""
    write("data/splits.csv", Path("data/manifest.csv").read_text())
    write(ledger, before + Path("data/manifest.csv").read_text())


def train(network):
    if os.environ.get("TOY_TOLD"):
        hold_training(os.environ["TOY_TOLD"])
    write(f"artifacts/{network}/weights", f"{network} of {Path('data/scans/all.txt').read_text()}")


def hold_training(pipe):
    """Tell the test that the training is running, wait for SIGTERM, and tell it that the training has saved."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    with Path(pipe).open("w") as messages:
        print("training", file=messages, flush=True)
        signal.sigwait([signal.SIGTERM])
        print("saved", file=messages)
    sys.exit(1)


def evaluate(seed):
    read = ["artifacts/classifier/weights", "artifacts/segmenter/weights", "data/scans/all.txt", "data/ledger.csv"]
    write("artifacts/blessing/verdict.json", "{}")
    write("reports/metrics.json", json.dumps({"seed": seed} | {path: Path(path).read_text() for path in read}))


def report():
    write("reports/model_card.md", Path("reports/metrics.json").read_text())
    write("reports/report.html", f"<pre>{Path('reports/metrics.json').read_text()}</pre>")


def push(remote):
    if remote == "origin":
        subprocess.run(["git", "push", "-q", remote, "HEAD:refs/tags/layered@v1.0.0"], check=True)
    write("reports/push.json", Path("reports/model_card.md").read_text())


if __name__ == "__main__":
    stage, *arguments = sys.argv[1:]
    note = {"began": time.time(), "seconds": None, "starter": ""}  # as `glioflow stage` leaves it
    globals()[stage](*arguments)
    name = f"train@{arguments[0]}" if stage == "train" else stage
    write(f".dvc/tmp/glioflow-stages/{name}.json", json.dumps(note | {"seconds": time.time() - note["began"]}))
