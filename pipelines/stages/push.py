"""Stage push: let the TFX Pusher pass on a blessed model, and register it with its dossier."""

from __future__ import annotations

import tempfile
from pathlib import Path

from components.common.params import Params
from components.common.plain_path import plain_path
from components.evaluate.gate import is_blessed
from components.layered.record import digest
from components.registry.dossier import Record
from components.registry.names import PUSHED
from components.registry.pushed import in_words, write_pushed
from components.registry.releases import register
from pipelines.paths import BLESSING, CARD, DETAILS, LAYERED, METRICS, PREDICTIONS


def run(params: Params) -> None:
    """Push and register the layered model if the gate blessed it; record the outcome in push.json."""
    from pipelines import local, training

    record = Record(LAYERED, PREDICTIONS, METRICS, DETAILS, BLESSING / "verdict.json", CARD, Path("params.yaml"))
    model = training.import_model(plain_path(LAYERED), "layered")
    blessing = training.import_blessing(plain_path(BLESSING), is_blessed(BLESSING))
    with tempfile.TemporaryDirectory(prefix="glioflow-push-") as folder:
        pusher = training.pusher(model.outputs["result"], blessing.outputs["result"], folder)
        with local.run("push", [model, blessing, pusher], params.convert.beam_args_here):
            pass
        pushed = sorted(Path(folder).iterdir())
        done = register(pushed[0], record, params.registry.git_remote) if pushed else None
        write_pushed(PUSHED, digest(pushed[0]) if pushed else None, done.version if done else None)
    print(f"push: {in_words(PUSHED)}")
