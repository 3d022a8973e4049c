"""How long does a reviewer wait? `python benchmarks/review.py`, after `make review-setup`.

One synthetic patient of 160 x 256 x 256 voxels in three sequences, and a list of 1000 patients: seconds until the list
and the first picture are on the page, and memory of the server. In Chromium, drawn by the processor (SwiftShader).
"""

from __future__ import annotations

import json
import shutil
import socket
import tempfile
import threading
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import psutil
import uvicorn
from playwright.sync_api import sync_playwright

from components.common.files import write_json
from components.predict import results
from components.predict.detector import Detection
from components.predict.run_options import RunOptions
from components.review.access_guard import AccessGuard
from components.review.opening import Task, open_review
from components.review.patient_layers import layer
from components.review.routes import application, page_files
from components.sources.demo import patient_volume
from components.sources.inputs import open_input
from components.sources.reading import Options
from pipelines.reviewing import VIEWER

SHAPE, PATIENTS = (256, 256, 160), 1000
FLAGS = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


def write_large(folder: Path) -> None:
    """One examination, 1 mm in every direction."""
    image, _ = patient_volume(np.random.default_rng(1), SHAPE[2], SHAPE[0])
    (folder / "P0000").mkdir(parents=True)
    for channel, name in enumerate(("t1", "flair", "t1ce")):
        volume = np.ascontiguousarray(image[..., channel].transpose(2, 1, 0))
        nib.save(nib.Nifti1Image(volume, np.diag([-1.0, -1.0, 1.0, 1.0])), folder / "P0000" / f"P0000_{name}.nii.gz")


def write_found(folder: Path, scans: Path) -> None:
    """What a prediction leaves; of all patients but the first, only their rows."""
    with open_input(str(scans)) as source:
        scan = source.read("P0000", Options(), masks=False).scan
        assert scan is not None
        mask = scan.image[..., 1] > np.percentile(scan.image[..., 1], 99)
        slices = mask.any(axis=(1, 2))
        seen = Detection(slices.astype(np.float32), slices, mask, 0.99, mask.astype(np.float32))
        more = {"options": RunOptions(doubt=True), "files": source.hash("P0000"), "read_with": {}}
        results.write_patient(folder, source, scan, seen, notes=[], refer_at=0.5, **more)
    record = json.loads((folder / "patients" / "P0000.json").read_text())
    rows = (folder / "patients" / "P0000.csv").read_text().splitlines()[:1]
    for number in range(1, PATIENTS):
        name = f"P{number:04d}"
        write_json(folder / "patients" / f"{name}.json", {**record, "patient": name, "doubt": number / PATIENTS / 2})
        (folder / "patients" / f"{name}.csv").write_text("\n".join(rows).replace("P0000", name) + "\n")
        (scans / name).mkdir()
        shutil.copy(scans / "P0000" / "P0000_flair.nii.gz", scans / name / f"{name}_flair.nii.gz")
    results.gather(folder)
    write_json(folder / results.RUN, {"model": "0" * 64})


def main() -> None:
    """Serve, open the page, and measure."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_large(folder / "scans")
        write_found(folder / "found", folder / "scans")
        began = time.monotonic()
        task = Task(folder / "found", str(folder / "scans"), folder / "reviewed", "Benchmark", references=False)
        with open_review(task) as session, socket.create_server(("127.0.0.1", 0)) as door:
            print(f"review opened, {len(session.rows)} patients: {time.monotonic() - began:.1f} s")
            began, before = time.monotonic(), psutil.Process().memory_info().rss
            seen = session.open(0)
            sizes = [len(layer(session, 0, name)) for name in ("pre", "flair", "post", "start", "drawn")]
            after = psutil.Process().memory_info().rss
            print(
                f"{' x '.join(map(str, seen.geometry.shape))} read, layers of {sum(sizes) / 2**20:.0f} MB: "
                f"{time.monotonic() - began:.1f} s; {(after - before) / 2**20:.0f} MB more memory"
            )
            session._open.clear()
            port = door.getsockname()[1]
            app = AccessGuard(application(session, page_files(VIEWER)), port, "benchmark")
            server = uvicorn.Server(uvicorn.Config(app, log_config=None, log_level="error", ws="none"))
            thread = threading.Thread(target=server.run, kwargs={"sockets": [door]})
            thread.start()
            measure(f"http://127.0.0.1:{port}/?token=benchmark")
            server.should_exit = True
            thread.join()


def measure(address: str) -> None:
    """Time until list and picture are on the page."""
    with sync_playwright() as playwright:
        program = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        page = browser.new_page(viewport={"width": 1920, "height": 1080})
        page.set_default_timeout(120_000)
        began = time.monotonic()
        page.goto(address)
        page.wait_for_selector("[role=option]")
        print(f"list of {page.locator('[role=option]').count()} on the page: {time.monotonic() - began:.1f} s")
        page.wait_for_selector("body[data-ready=P0000]")
        print(f"first picture: {time.monotonic() - began:.1f} s")
        heap = page.evaluate("performance.memory.usedJSHeapSize") / 2**20
        print(f"memory of the page's scripts: {heap:.0f} MB")
        browser.close()


if __name__ == "__main__":
    main()
