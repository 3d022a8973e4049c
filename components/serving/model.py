"""The layered model behind the server: JSON in, JSON out."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import tensorflow as tf

from components.common.plain_path import plain_path
from components.serving import requests
from components.serving.requests import RequestError


class LayeredModel:
    """A SavedModel with the signatures serving_default and encoded.

    Args:
        folder: folder of the SavedModel.
    """

    def __init__(self, folder: str) -> None:
        self.model = tf.saved_model.load(plain_path(folder))
        taken = self.model.signatures["serving_default"].structured_input_signature[1][requests.INPUT]
        self.channels = int(taken.shape[-1])
        self.neighbors = (self.channels // 3 - 1) // 2

    def answer(self, body: bytes | bytearray) -> bytes:
        """Check a request and run the model.

        Returns:
            {"predictions": [...]}: tumor_probability 0..1, has_tumor, and mask (0 and 1, [height][width]) or, for
            encoded pictures, mask_bytes ({"b64": PNG}).

        Raises:
            RequestError: the request is invalid.
        """
        try:
            payload = orjson.loads(body)
        except orjson.JSONDecodeError as error:  # also for NaN and excessive nesting
            raise RequestError("the body is not JSON") from error
        rows = requests.instances_of(payload)
        encoded = requests.is_encoded(rows, self.neighbors)
        name = "encoded" if encoded else "serving_default"
        if payload.get("signature_name", name) != name:
            raise RequestError(f"such instances are for the signature {name}")
        slices = requests.files(rows, self.neighbors) if encoded else requests.pixels(rows, self.channels)
        try:
            response = self.model.signatures[name](slices=tf.constant(slices))
        except tf.errors.InvalidArgumentError as error:  # a file with a valid header and a damaged body
            raise RequestError("the model can't read these slices") from error
        columns = {output: value.numpy() for output, value in response.items()}
        predictions = [{output: _plain(column[i]) for output, column in columns.items()} for i in range(len(rows))]
        return orjson.dumps({"predictions": predictions}, option=orjson.OPT_SERIALIZE_NUMPY)


def _plain(value: Any) -> Any:
    return {"b64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value
