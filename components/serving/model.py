"""The layered model behind KServe's protocol."""

from __future__ import annotations

import asyncio
import base64
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import tensorflow as tf
from kserve import Model
from kserve.errors import InvalidInput

from components.files import plain_path
from components.serving import requests

NAME = "layered"
AT_ONCE = 2  # requests; TensorFlow itself spreads each over all processors


class LayeredModel(Model):  # type: ignore[misc]
    """A SavedModel with the signatures serving_default and encoded.

    Args:
        folder: of the SavedModel.
    """

    def __init__(self, folder: str) -> None:
        super().__init__(NAME)
        self.model = tf.saved_model.load(plain_path(folder))
        taken = self.model.signatures["serving_default"].structured_input_signature[1][requests.INPUT]
        self.channels = int(taken.shape[-1])
        self.neighbors = (self.channels // 3 - 1) // 2
        self.threads = ThreadPoolExecutor(AT_ONCE)
        self.ready = True

    async def predict(self, payload: Any, headers: dict[str, str] | None = None, response_headers: Any = None) -> Any:
        """Answer one request; others are read meanwhile.

        Returns:
            {"predictions": [...]}: tumor_probability 0..1, has_tumor, and mask (0 and 1, [height][width]) or, of
            pictures, mask_bytes ({"b64": PNG}).

        Raises:
            InvalidInput: it is none; says why.
        """
        return await asyncio.get_running_loop().run_in_executor(self.threads, self.answer, payload)

    def answer(self, payload: Any) -> dict[str, Any]:
        """Check a request, run the model, and say what it said."""
        rows = requests.instances_of(payload)
        encoded = requests.is_encoded(rows, self.neighbors)
        name = "encoded" if encoded else "serving_default"
        if payload.get("signature_name", name) != name:
            raise InvalidInput(f"such instances are for the signature {name}")
        taken = requests.files(rows, self.neighbors) if encoded else requests.pixels(rows, self.channels)
        try:
            said = self.model.signatures[name](slices=tf.constant(taken))
        except tf.errors.OpError as error:  # a file whose head is whole and whose rest is not
            raise InvalidInput("the model can't read these slices") from error
        columns = {output: value.numpy() for output, value in said.items()}
        return {
            "predictions": [{output: _plain(column[i]) for output, column in columns.items()} for i in range(len(rows))]
        }


def _plain(value: Any) -> Any:
    return {"b64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value.tolist()
