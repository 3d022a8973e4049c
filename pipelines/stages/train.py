"""Stage train: train one network with the TFX Trainer; keep its SavedModel, weights and history."""

from __future__ import annotations

import shutil

from components.common.files import atomic_folder
from components.common.params import Params
from components.common.plain_path import plain_path
from components.train.devices import require_gpu, worker_index_and_count
from pipelines.checks.own_weights import check_start, check_weights
from pipelines.paths import ARTIFACTS, EXAMPLES, LIVE


def run(params: Params, network: str) -> None:
    """Train `network`, "classifier" or "segmenter"."""
    check_weights(params, network)
    check_start(params, network)
    require_gpu(params.training.gpu)  # before TFX is imported and anything is read
    from components.train.kept_state import forget
    from components.train.stage import train

    if worker_index_and_count()[0]:  # another worker writes; this one only lends its devices
        files = [[str(EXAMPLES / f"Split-{split}" / "*")] for split in ("train", "val")]
        train(network, params, files[0], files[1], ARTIFACTS / network)
        return
    from pipelines import local, training

    examples = training.import_examples(plain_path(EXAMPLES))
    trainer = training.trainer(network, examples.outputs["result"], params, live=str(LIVE / network))
    with (
        local.run(f"train-{network}", [examples, trainer], params.convert.beam_args_here) as outputs,
        atomic_folder(ARTIFACTS / network) as part,
    ):
        shutil.copytree(outputs.path(trainer.id, "model"), part, dirs_exist_ok=True)
        shutil.copytree(outputs.path(trainer.id, "model_run"), part, dirs_exist_ok=True)
    forget(network, params)
