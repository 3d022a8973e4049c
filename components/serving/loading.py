"""A model that is loaded while the server answers already: alive at once, ready later."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from components.common.errors import UserError

if TYPE_CHECKING:
    from components.serving.model import LayeredModel


class Loading:
    """Loads a model in a thread of its own.

    Args:
        folder: folder of the model.

    Attributes:
        model: the model; None until it has been loaded.
        failure: why it can't be loaded, in one line; None unless loading failed.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.model: LayeredModel | None = None
        self.failure: str | None = None

    def start(self, ended: Callable[[], None]) -> None:
        """Begin; `ended` is called, in that thread, as soon as there is a model or a failure."""

        def load() -> None:
            self._load()
            ended()

        threading.Thread(target=load, name="loading", daemon=True).start()

    def _load(self) -> None:
        try:
            from components.serving.model import LayeredModel

            self.model = LayeredModel(self.folder)
        except UserError as error:
            self.failure = str(error)
        except Exception as error:  # noqa: BLE001  every kind of damage has its own
            self.failure = f"{self.folder}: not a layered model ({type(error).__name__}); give the folder of one"
