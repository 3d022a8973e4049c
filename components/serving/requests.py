"""From a request in TensorFlow Serving's JSON row format to the model's input, fully checked first."""

from __future__ import annotations

import base64
import binascii
import io
from itertools import chain
from typing import Any

import numpy as np
from PIL import Image

from components.common.picture_depth import is_cut

SLICES = 256  # per request
SIDE = 2048  # pixels
PIXELS = 64 * 1024 * 1024  # per request, all slices together
INPUT = "slices"


class RequestError(Exception):
    """A request that the client has to change; says why, without repeating its content."""


def instances_of(payload: Any) -> list[Any]:
    """Return the slices of a request, unwrapped if each names the input, as {"slices": ...}.

    Args:
        payload: parsed body of the request.

    Raises:
        RequestError: it is not of the form {"instances": [...]}, or holds none or more than `SLICES`.
    """
    if not isinstance(payload, dict) or not isinstance(payload.get("instances"), list):
        raise RequestError('the body has to be {"instances": [...]}, one per slice')
    unknown = set(payload) - {"instances", "signature_name"}
    if unknown:
        raise RequestError('only "instances" and "signature_name" are known')
    rows = payload["instances"]
    if not 0 < len(rows) <= SLICES:
        raise RequestError(f"{len(rows)} instances; send 1 to {SLICES}")
    return [row[INPUT] if isinstance(row, dict) and set(row) == {INPUT} else row for row in rows]


def is_encoded(rows: list[Any], neighbors: int) -> bool:
    """Return whether the rows are base64 image files rather than pixels.

    Args:
        rows: slices of a request, see `instances_of`.
        neighbors: number of slices on either side that the model sees, too.

    Raises:
        RequestError: the rows are a mixture of both.
    """
    kinds = {_is_picture(row, neighbors) for row in rows}
    if len(kinds) > 1:
        raise RequestError("encoded images and pixels can't be mixed in one request")
    return kinds.pop()


def _is_picture(row: Any, neighbors: int) -> bool:
    if neighbors:
        return isinstance(row, list) and bool(row) and all(isinstance(one, dict) for one in row)
    return isinstance(row, dict)


def files(rows: list[Any], neighbors: int) -> np.ndarray:
    """Decode the base64 of PNG or JPEG files; the images are RGB and of one size.

    Args:
        rows: slices of a request; each is an image or, with neighbours, a list of images.
        neighbors: number of slices on either side that the model sees, too.

    Returns:
        Contents of the files, bytes as objects, [batch] or, with neighbours, [batch, 2 neighbors + 1].

    Raises:
        RequestError: an image is missing, damaged, not RGB, too large, or of another size than the others.
    """
    together = 2 * neighbors + 1
    found = [[_file(one) for one in (row if neighbors else [row])] for row in rows]
    if any(len(row) != together for row in found):
        raise RequestError(f"each slice needs {together} images: its neighbours' and its own")
    sizes = {_size(one) for row in found for one in row}
    if len(sizes) > 1:
        raise RequestError("all images of a request must have one size")
    height, width = sizes.pop()
    check_size(height, width, count=len(found) * together)
    return np.array(found if neighbors else [row[0] for row in found], dtype=object)


def _file(row: Any) -> bytes:
    if not isinstance(row, dict) or set(row) != {"b64"} or not isinstance(row["b64"], str):
        raise RequestError('an encoded image has to be {"b64": "..."}, the file in base64')
    try:
        return base64.b64decode(row["b64"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise RequestError("an image is not base64") from error


def _size(data: bytes) -> tuple[int, int]:
    """Height and width from the file's header; nothing is decoded, so a small file can't become a huge image."""
    try:
        with Image.open(io.BytesIO(data), formats=["PNG", "JPEG"]) as picture:
            mode, height, width = picture.mode, picture.height, picture.width
            cut, pages = is_cut(picture), getattr(picture, "n_frames", 1)
    except Image.DecompressionBombError as error:
        raise RequestError(f"an image claims more pixels than any slice has; {SIDE} a side are allowed") from error
    except Exception as error:  # every kind of damage has its own exception
        raise RequestError("an image is neither PNG nor JPEG, or is damaged") from error
    if mode != "RGB":
        raise RequestError(f"an image has the mode {mode}; channels have to be pre, FLAIR, post as RGB")
    if cut:
        raise RequestError("an image has more than 8 bits a colour; scale each sequence to 0 to 255, with 8 bits")
    if pages > 1:
        raise RequestError(f"an image has {pages} pages; send one file per slice")
    return height, width


def pixels(rows: list[Any], channels: int) -> np.ndarray:
    """Return the pixels of a request as an array.

    Args:
        rows: slices of a request, each a list [height][width][channels] of whole numbers 0 to 255.
        channels: number of channels that the model takes.

    Returns:
        uint8 [batch, height, width, channels].

    Raises:
        RequestError: the slices differ in size, have other channels or values, or are too large.
    """
    try:
        height, width = len(rows[0]), len(rows[0][0])
        even = all(len(row) == height and all(len(line) == width for line in row) for row in rows)
        check_size(height, width, count=len(rows))
        even = even and all(len(pixel) == channels for row in rows for line in row for pixel in line)
        data = [_line(line) for row in rows for line in row] if even else []
    except (TypeError, ValueError, IndexError, KeyError) as error:
        raise RequestError(f"slices have to be whole numbers 0 to 255, [height][width][{channels}]") from error
    if not even:
        raise RequestError(f"slices must be of one size, with {channels} channels")
    return np.frombuffer(b"".join(data), np.uint8).reshape(len(rows), height, width, channels)


def _line(line: list[Any]) -> bytes:
    """Return one line of pixels as bytes; NumPy would accept strings, and allocate gigabytes for them."""
    values = list(chain.from_iterable(line))
    if set(map(type, values)) != {int}:  # bytes() alone would accept true and false
        raise TypeError
    return bytes(values)


def check_size(height: int, width: int, count: int) -> None:
    """Refuse slices so large, or so many, that nobody needs them and the machine might not cope.

    Args:
        height, width: of a slice, pixels.
        count: number of slices.

    Raises:
        RequestError: a side exceeds `SIDE`, or all slices together `PIXELS`.
    """
    if not (0 < height <= SIDE and 0 < width <= SIDE):
        raise RequestError(f"slices have {height} x {width} pixels; {SIDE} a side are allowed")
    if count * height * width > PIXELS:
        raise RequestError(f"the slices have more than {PIXELS} pixels together; send fewer at once")
