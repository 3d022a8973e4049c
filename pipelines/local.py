"""Run TFX nodes on this machine, inside a DVC stage: throw-away metadata store, no cache; DVC owns versions."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.common.importer import SOURCE_URI_KEY, Importer
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.metadata import sqlite_metadata_connection_config
from tfx.orchestration.pipeline import Pipeline

from components.common.errors import UserError

IN_THIS_PLACE = {"--runner=FnApiRunner", "--runner=DirectRunner"}


def beam_flags(given: Sequence[str]) -> list[str]:
    """Return Beam flags for TFX's nodes.

    For remote workers TFX packs itself into an archive, again for each node, and leaves 60 MB of it in the temporary
    folder, unless an image for the workers is named. Runners without remote workers get the name of an image that
    is never used.
    """
    return [*given, *(["--sdk_container_image=none"] if IN_THIS_PLACE & set(given) else [])]


def _show_nodes(record: logging.LogRecord) -> bool:
    """Show only which TFX node starts; keep errors, except the one that an exception follows anyway."""
    if record.msg == "Component %s is running.":
        click.echo(f"TFX: {record.args[0]}")  # type: ignore[index]
    return record.levelno >= logging.ERROR and record.msg != "Execution %d failed."


class Outputs:
    """Where the nodes of a finished run put their artifacts."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, node: str, output: str) -> Path:
        """Folder of the only artifact in `output` of the node with the id `node`."""
        (only,) = (self.root / node / output).iterdir()
        return only


@contextmanager
def run(name: str, nodes: Sequence[BaseNode], beam_args: Sequence[str]) -> Iterator[Outputs]:
    """Run `nodes` as a TFX pipeline and yield its outputs, which are removed when the block ends.

    Raises:
        UserError: an artifact to import does not exist, or a node raised this error; TFX's own chain of exceptions is
            removed.
    """
    for node in nodes:
        if isinstance(node, Importer) and not Path(uri := node.exec_properties[SOURCE_URI_KEY]).exists():
            raise UserError(f"{os.path.relpath(uri)}: not here; run `dvc repro`, which makes it")
    with tempfile.TemporaryDirectory(prefix=f"glioflow-{name}-") as folder:
        root = Path(folder) / "root"
        pipeline = Pipeline(
            pipeline_name=name,
            pipeline_root=str(root),
            components=list(nodes),
            enable_cache=False,
            metadata_connection_config=sqlite_metadata_connection_config(str(Path(folder) / "metadata.db")),
            beam_pipeline_args=beam_flags(beam_args),
        )
        absl = logging.getLogger("absl")
        level = absl.level
        absl.setLevel(logging.INFO)
        absl.addFilter(_show_nodes)
        try:
            LocalDagRunner().run(pipeline)
        except Exception as error:
            cause: BaseException | None = error
            while cause is not None and not isinstance(cause, UserError):
                cause = cause.__cause__ or cause.__context__
            if cause is None:
                raise
            raise UserError(str(cause)) from error
        finally:
            absl.removeFilter(_show_nodes)
            absl.setLevel(level)
        yield Outputs(root)
