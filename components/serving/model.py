"""The layered model behind the server: JSON in, JSON out."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import orjson
from PIL import Image

from components.common.errors import UserError
from components.layered.litert_engine import LiteRTEngine
from components.layered.litert_files import has_litert
from components.layered.record import read_record
from components.scans.scan import stack_neighbors
from components.serving import open_inference, requests
from components.serving.requests import RequestError


class LayeredModel:
    """A layered model, run by LiteRT.

    Args:
        folder: folder of the model.

    Raises:
        UserError: there is no model, it is damaged, or comes from a version that wrote no LiteRT files.
    """

    def __init__(self, folder: str) -> None:
        record = read_record(folder)
        if not has_litert(folder, record):
            raise UserError(
                f"{folder}: has no LiteRT files, which the server needs; assemble it again with this version"
            )
        self.engine, self.neighbors = LiteRTEngine(folder, record), record["neighbors"]
        self.channels = 3 * (2 * self.neighbors + 1)

    def answer(self, body: bytes | bytearray) -> bytes:
        """Check a request and run the model.

        Returns:
            {"predictions": [...]}: tumor_probability 0..1, has_tumor, and mask (0 and 1, [height][width]) or, for
            encoded images, mask_bytes ({"b64": PNG}).

        Raises:
            RequestError: the request is invalid.
        """
        payload = _parsed(body)
        rows = requests.instances_of(payload)
        encoded = requests.is_encoded(rows, self.neighbors)
        name = "encoded" if encoded else "serving_default"
        if payload.get("signature_name", name) != name:
            raise RequestError(f"such instances are for the signature {name}")
        slices = self._decoded(rows) if encoded else requests.pixels(rows, self.channels)
        columns: dict[str, Any] = self.engine.serve(slices)
        if encoded:
            columns = {**columns, "mask_bytes": [_png(mask) for mask in columns["mask"]]}
            del columns["mask"]
        predictions = [{output: column[i] for output, column in columns.items()} for i in range(len(rows))]
        return orjson.dumps({"predictions": predictions}, option=orjson.OPT_SERIALIZE_NUMPY)

    def metadata(self, name: str) -> dict[str, Any]:
        """What the Open Inference Protocol says of the model `name`."""
        return open_inference.metadata(name, self.channels)

    def infer(self, body: bytes | bytearray, name: str) -> bytes:
        """Check a request of the Open Inference Protocol to the model `name` and run it; see `open_inference`.

        Raises:
            RequestError: the request is invalid.
        """
        payload = _parsed(body)
        columns = self.engine.serve(open_inference.slices_of(payload, self.channels))
        return orjson.dumps(open_inference.response(name, payload, columns), option=orjson.OPT_SERIALIZE_NUMPY)

    def _decoded(self, rows: list[Any]) -> np.ndarray:
        """Decode the images of a request, uint8 [batch, height, width, channels]."""
        files = requests.files(rows, self.neighbors).reshape(len(rows), -1)
        try:
            return stack_neighbors(np.stack([[_pixels(one) for one in row] for row in files]))
        except (OSError, SyntaxError, ValueError, EOFError) as error:  # a valid header and a damaged body
            raise RequestError("the model can't read these slices") from error


def _parsed(body: bytes | bytearray) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:  # also for NaN and excessive nesting
        raise RequestError("the body is not JSON") from error


def _pixels(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data), formats=["PNG", "JPEG"]) as picture:
        return np.asarray(picture)


def _png(mask: np.ndarray) -> dict[str, str]:
    """Encode a mask, uint8 {0, 1} [height, width], as a PNG file of 0 and 255."""
    file = io.BytesIO()
    Image.fromarray(255 * mask).save(file, "PNG", compress_level=1)
    return {"b64": base64.b64encode(file.getvalue()).decode()}
