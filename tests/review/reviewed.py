"""Small reviews of made-up scans: a source in one format, what a model has drawn there, a client of the page's API."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote, urlencode

import numpy as np
from written_scans import AFFINE, made_up_scan, write_dicom, write_kaggle, write_nifti

from components.common.files import write_json
from components.predict import results
from components.predict.detector import Found
from components.review.doors import Doors
from components.review.opening import Task, open_review
from components.review.own_scan import as_nifti
from components.review.routes import application
from components.sources.inputs import open_input
from components.sources.reading import Options

PORT, SECRET = 8123, "a-token-of-the-tests"
SIZE = 32
TURN = np.deg2rad(25)
# Slices tilted about the left-right axis, as neuroradiologists plan them.
TILT = [[1, 0, 0, 0], [0, np.cos(TURN), -np.sin(TURN), 0], [0, np.sin(TURN), np.cos(TURN), 0], [0, 0, 0, 1]]
OBLIQUE = np.array(TILT) @ AFFINE
# x grows towards the left on disk (LAS): the determinant is negative.
AXES = {"nifti": "LPS", "left-handed": "LAS", "turned": "SRP"}
KINDS = ("kaggle", "nifti", "left-handed", "turned", "oblique", "dicom")


def write_source(folder: Path, kind: str, names, mask=True) -> Path:
    """Write made-up scans in a format."""
    for name in names:
        scan = made_up_scan(name, size=SIZE, affine=OBLIQUE if kind == "oblique" else AFFINE)
        scan = replace(scan, image=np.where(scan.mask[..., None], scan.image, np.maximum(scan.image, 3)))
        if kind == "kaggle":
            write_kaggle(folder, scan)
        elif kind == "dicom":
            write_dicom(folder, scan)
        else:
            write_nifti(folder, scan, axes=AXES.get(kind, "LPS"))
    return folder


def write_found(folder: Path, source: Path) -> Path:
    """Write what `glioflow predict --doubt` would, of a model that draws the reference and four voxels more."""
    (folder / "patients").mkdir(parents=True)
    with open_input(str(source)) as opened:
        for number, patient in enumerate(opened.patients):
            scan = opened.read(patient, Options(size=SIZE, spacing=1.0)).scan
            drawn = scan.mask.copy()
            drawn[2, 20:22, 20:22] = True
            seen = Found(
                drawn.any((1, 2)).astype(np.float32), drawn.any((1, 2)), drawn, 0.1 * (number + 1), 0.9 * drawn
            )
            results.write_patient(folder, opened, scan, seen, notes=[], refer_at=0.25, overlays=False)
    results.gather(folder)
    write_json(folder / results.RUN, {"model": "d" * 64})
    return folder


@dataclass
class Answer:
    """What the application has sent; the names as in httpx."""

    status_code: int
    headers: dict[str, str]
    content: bytes

    @property
    def text(self):
        return self.content.decode()

    def json(self):
        return json.loads(self.content)


class Client:
    """Requests to the application, doors included, without a server: headers and bodies of any bytes."""

    def __init__(self, desk, files=None):
        self.desk = desk
        self.app = Doors(application(desk, files or {"index.html": (b"<!doctype html>", "text/html")}), PORT, SECRET)
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
            with contextlib.suppress(Exception):  # Starlette raises again what it has answered with 500
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
        asked = {"scan": shown["scan"], "base": shown["revision"], "seconds": 3.5, **query}
        sent = {} if mask is None else {"content": mask if isinstance(mask, bytes) else self.nifti(mask, number)}
        kind = {} if mask is None else {"content-type": "application/octet-stream"}
        return self("POST", f"/patients/{number}/decisions/{decision}", params=asked, headers=kind, **sent)

    def nifti(self, mask, number=0):
        return as_nifti(mask, self.desk.open(number).geometry.affine)


@contextlib.contextmanager
def reviewing(folder: Path, kind="kaggle", names=("P1", "P2"), reviewer="Dr. Gold", **task):
    """A client of a review in `folder`, which is made unless it is there."""
    scans, found = folder / "scans", folder / "found"
    if not scans.exists():
        write_found(found, write_source(scans, kind, names))
    with open_review(Task(**{"found": found, "scans": str(scans), "out": folder / "reviewed", "reviewer": reviewer,
                             "references": False, **task})) as desk:  # fmt: skip
        yield Client(desk)
