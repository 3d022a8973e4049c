"""Small reviews of made-up scans: a source in one format, a model's predictions, and a client of the page's API."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote, urlencode

import numpy as np
from scan_writers import AFFINE, make_scan, write_dicom, write_kaggle, write_nifti

from components.common.files import write_json
from components.predict import results
from components.predict.detector import Detection
from components.predict.run_options import RunOptions
from components.review.access_guard import AccessGuard
from components.review.opening import Task, open_review
from components.review.own_scan import as_nifti
from components.review.routes import application
from components.sources.inputs import open_input
from components.sources.reading import Options

PORT, SECRET = 8123, "a-token-of-the-tests"
SIZE = 32
SLICES = {"size": SIZE, "spacing": 1.0}
ANGLE = np.deg2rad(25)
# Slices tilted about the left-right axis, as neuroradiologists plan them.
TILT = [[1, 0, 0, 0], [0, np.cos(ANGLE), -np.sin(ANGLE), 0], [0, np.sin(ANGLE), np.cos(ANGLE), 0], [0, 0, 0, 1]]
OBLIQUE = np.array(TILT) @ AFFINE
# x grows towards the left on disk (LAS): the determinant is negative.
AXES = {"nifti": "LPS", "left-handed": "LAS", "turned": "SRP"}
KINDS = ("kaggle", "nifti", "left-handed", "turned", "oblique", "dicom")


def write_source(folder: Path, kind: str, names, mask=True) -> Path:
    """Write made-up scans in a format."""
    for name in names:
        scan = make_scan(name, size=SIZE, affine=OBLIQUE if kind == "oblique" else AFFINE)
        scan = replace(scan, image=np.where(scan.mask[..., None], scan.image, np.maximum(scan.image, 3)))
        if kind == "kaggle":
            write_kaggle(folder, scan)
        elif kind == "dicom":
            write_dicom(folder, scan)
        else:
            write_nifti(folder, scan, axes=AXES.get(kind, "LPS"))
    return folder


def write_predictions(folder: Path, source: Path) -> Path:
    """Write what `glioflow predict --doubt` would, for a model that predicts the reference plus four voxels."""
    (folder / "patients").mkdir(parents=True)
    with open_input(str(source)) as opened:
        for number, patient in enumerate(opened.patients):
            scan = opened.read(patient, Options(**SLICES)).scan
            predicted_mask = scan.mask.copy()
            predicted_mask[2, 20:22, 20:22] = True
            detection = Detection(
                predicted_mask.any((1, 2)).astype(np.float32),
                predicted_mask.any((1, 2)),
                predicted_mask,
                0.1 * (number + 1),
                0.9 * predicted_mask,
            )
            more = {"options": RunOptions(doubt=True), "files": opened.hash(patient), "read_with": SLICES}
            results.write_patient(folder, opened, scan, detection, notes=[], refer_at=0.25, **more)
    results.gather(folder)
    write_json(folder / results.RUN, {"model": "d" * 64})
    return folder


@dataclass
class Answer:
    """A response of the application, with the attribute names of httpx."""

    status_code: int
    headers: dict[str, str]
    content: bytes

    @property
    def text(self):
        return self.content.decode()

    def json(self):
        return json.loads(self.content)


class Client:
    """Requests to the application, access guard included, without a server: headers and bodies of any bytes."""

    def __init__(self, session, files=None):
        self.session = session
        app = application(session, files or {"index.html": (b"<!doctype html>", "text/html")})
        self.app = AccessGuard(app, PORT, SECRET)
        self.headers = {"host": f"127.0.0.1:{PORT}", "cookie": f"glioflow-review-{PORT}={SECRET}"}

    def __call__(self, method, path, *, headers=None, params=None, content=b""):
        path, _, query = path.partition("?")
        sent = {**self.headers, **(headers or {})}
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "method": method,
            "path": unquote(path), "raw_path": path.encode(), "root_path": "", "server": ("127.0.0.1", PORT),
            "query_string": (urlencode(params) if params else query).encode(),
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in sent.items()],
        }  # fmt: skip
        requests = iter([{"type": "http.request", "body": bytes(content), "more_body": False}])
        messages = []

        async def receive():
            return next(requests, {"type": "http.disconnect"})

        async def send(message):
            messages.append(message)

        async def ask():
            with contextlib.suppress(Exception):  # Starlette re-raises what it has answered with 500
                await self.app(scope, receive, send)

        asyncio.run(ask())
        start, *bodies = messages
        received = {name.decode("latin-1"): value.decode("latin-1") for name, value in start["headers"]}
        return Answer(start["status"], received, b"".join(one.get("body", b"") for one in bodies))

    def details(self, number=0):
        return self("GET", f"/patients/{number}").json()

    def decide(self, decision, number=0, mask=None, **query):
        """Send a decision as the page does; `mask` is bool in the source's own axes."""
        shown = self.details(number)
        parameters = {"scan": shown["scan"], "base": shown["revision"], "seconds": 3.5, **query}
        sent = {} if mask is None else {"content": mask if isinstance(mask, bytes) else self.nifti(mask, number)}
        kind = {} if mask is None else {"content-type": "application/octet-stream"}
        return self("POST", f"/patients/{number}/decisions/{decision}", params=parameters, headers=kind, **sent)

    def nifti(self, mask, number=0):
        return as_nifti(mask, self.session.open(number).geometry.affine)


@contextlib.contextmanager
def reviewing(folder: Path, kind="kaggle", names=("P1", "P2"), reviewer="Dr. Gold", **task):
    """Open a review in `folder`, whose scans and predictions are written first if missing; yields a client."""
    scans, found = folder / "scans", folder / "found"
    if not scans.exists():
        write_predictions(found, write_source(scans, kind, names))
    with open_review(Task(**{"found": found, "scans": str(scans), "out": folder / "reviewed", "reviewer": reviewer,
                             "references": False, **task})) as session:  # fmt: skip
        yield Client(session)
