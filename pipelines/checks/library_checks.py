"""Check the parameters against the libraries before the first stage, rather than hours later in the stage that fails.

Only the libraries know their backbones, weights, flags and GPUs. The checks run in a separate process, because
TensorFlow would keep its memory in this one for the whole run.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

from components.common.errors import UserError
from components.common.files import atomic_file
from components.common.params import Params
from components.train.starting_network import read_start

# There is nothing to ask about these: they take slices of any size that params.yaml allows.
BACKBONES = ("MobileNet", "ResNet50", "VGG16")
FLAGS = re.compile(r"--runner=FnApiRunner|--direct_num_workers=\d+|--direct_running_mode=multi_(threading|processing)")
PASSED_FILE = Path(".dvc/tmp/glioflow-trial")
CHECK_SCRIPT = "from pipelines.checks.library_checks import main; main()"
NETWORKS = {"classifier": "train@classifier", "segmenter": "train@segmenter"}
CODE = Path(__file__).resolve().parents[2] / "models" / "networks"


def check_libraries(chosen: Params, *, trained: bool = True) -> None:
    """Refuse a missing GPU, a network that can't be built, weights that can't be loaded, and flags that Beam rejects.

    Args:
        chosen: parameters of params.yaml.
        trained: whether to accept any of that if both networks are already trained and nothing has changed since.
    """
    questions = [*_questions(chosen)]
    lasting = [question for question in questions if question != "gpu"]  # a GPU may come and go
    answered = _digest(chosen, lasting)
    if lasting and PASSED_FILE.is_file() and PASSED_FILE.read_text(encoding="utf-8") == answered:
        questions = [question for question in questions if question == "gpu"]
    if not questions:
        return
    asked = [sys.executable, "-c", CHECK_SCRIPT, *questions]
    output = subprocess.run(asked, input=chosen.model_dump_json(), capture_output=True, text=True, check=False).stdout
    problem = json.loads(output.splitlines()[-1]) if output.strip() else None
    if problem is None:
        if lasting and PASSED_FILE.parents[1].is_dir():
            with atomic_file(PASSED_FILE) as part:
                part.write_text(answered, encoding="utf-8")
        return
    if trained and is_up_to_date(*NETWORKS.values()):
        return
    raise UserError(problem)


def is_up_to_date(*stages: str) -> bool:
    """Ask DVC whether nothing has changed that these stages depend on, directly or indirectly."""
    dvc = shutil.which("dvc", path=str(Path(sys.executable).parent)) or "dvc"
    return not subprocess.run([dvc, "status", "--quiet", "--with-deps", *stages], check=False).returncode


def _questions(chosen: Params) -> Iterator[str]:
    if chosen.training.gpu == "required":
        yield "gpu"
    if "TF_CONFIG" in os.environ:
        yield "workers"
    plain = (chosen.classifier.backbone, chosen.classifier.weights) in [(name, "none") for name in BACKBONES]
    if not plain or chosen.classifier.start is not None:
        yield "classifier"
    if chosen.segmenter.backbone is not None or chosen.segmenter.start is not None:
        yield "segmenter"
    if not all(FLAGS.fullmatch(flag) for flag in chosen.convert.beam_args):
        yield "beam"


def _digest(chosen: Params, questions: list[str]) -> str:
    """Everything that answers depend on."""
    files = [path for name in NETWORKS if (path := Path(getattr(chosen, name).weights)).is_file()]
    starts = [read_start(chosen, name) for name in NETWORKS]
    known = [
        questions,
        os.environ.get("TF_CONFIG"),
        chosen.convert.beam_args,
        *(getattr(chosen, name).model_dump(mode="json", exclude={"augment"}) for name in NETWORKS),
        *([str(path), path.stat().st_size, path.stat().st_mtime_ns] for path in files),
        *(start.digest for start in starts if start),
        *(path.read_text(encoding="utf-8") for path in sorted(CODE.glob("*.py"))),
        *(version(package) for package in ("keras", "apache-beam")),
    ]
    return hashlib.sha256(json.dumps(known).encode()).hexdigest()


def main() -> None:
    """Answer the questions named on the command line for parameters on standard input; prints the first problem."""
    from pipelines.processes import gc_settings, quiet

    gc_settings.collect_seldom()
    quiet.silence()
    chosen = Params.model_validate_json(sys.stdin.read())
    problem = None
    try:
        for question in sys.argv[1:]:
            CHECKS.get(question, _build(question))(chosen)
    except UserError as error:
        problem = str(error)
    print(f"\n{json.dumps(problem)}")


def _gpu(chosen: Params) -> None:
    from components.train.devices import require_gpu

    require_gpu(chosen.training.gpu)


def _workers(chosen: Params) -> None:
    from components.train.devices import worker_index_and_count

    worker_index_and_count()


def _beam(chosen: Params) -> None:
    from components.io.beam import empty_pipeline

    empty_pipeline(chosen.convert.beam_args)


def _build(network: str) -> Callable[[Params], object]:
    def build(chosen: Params) -> object:
        from components.train.measured_model import build

        return build(network, chosen, "float32")

    return build


CHECKS: dict[str, Callable[[Params], None]] = {"gpu": _gpu, "workers": _workers, "beam": _beam}
