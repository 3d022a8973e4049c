"""Train where a test runner can't: in processes that are killed, and on several processors or workers.

    python training_driver.py stopped NETWORK STORY...   a story is NAME=MOMENT,MOMENT...
    python training_driver.py spread
    python training_driver.py moved     after spread

It imports everything once and forks for each training. The working folder holds the slices in sides/ and is written to.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import signal
import socket
import sys
import traceback
import warnings
from pathlib import Path

import conftest  # noqa: F401  first: it decides what TensorFlow imports
import keras
import numpy as np
import tensorflow as tf
from tiny_training import LIGHT, changed, few_slices, run, tiny

from components.common.progress import Progress
from components.train import checkpoints, devices, stage
from components.train.batches import batches
from components.train.epoch_validation import Validator
from components.train.sampling import Sampler
from pipelines import garbage

RECIPES = {
    "segmenter": {"average": 0.9, "augment": LIGHT},
    "classifier": {
        "average": 0.9,
        "strategy": "frozen_then_finetune",
        "head_epochs": 1,
        "weights": "backbone.weights.h5",
    },
}


def stop_at(moment):
    """Let this process meet its end: kill:STEP, term:STEP, save:STEP, validation:BATCH or export."""
    kind, _, number = moment.partition(":")

    def meet(what, where="", half_written=None):
        if kind == what and number == str(where):
            if half_written:
                os.truncate(half_written, 100)
            os.kill(os.getpid(), signal.SIGTERM if kind in ("term", "validation") else signal.SIGKILL)

    class Stopping(Progress):
        def start(self, step, history):
            self.at = step
            super().start(step, history)

        def step(self):
            super().step()
            self.at += 1
            meet("kill", self.at)
            meet("term", self.at)

    class Asked(Validator):
        def __init__(self, *arguments, check, **more):
            self.calls, self.really_check = 0, check
            super().__init__(*arguments, check=self.count, **more)

        def count(self):
            self.calls += 1
            meet("validation", self.calls)
            self.really_check()

    save, save_weights = checkpoints.write_arrays, keras.Model.save_weights

    def save_partly(file, arrays):
        save(file, arrays)
        meet("save", Path(file).stem.rpartition("-")[2].lstrip("0"), file)

    def save_weights_partly(network, file):
        save_weights(network, file)
        meet("export", half_written=file)

    stage.Progress, stage.Validator = Stopping, Asked
    checkpoints.write_arrays, keras.Model.save_weights = save_partly, save_weights_partly


def train_until(network, name, moment):
    stop_at(moment)
    params = changed(tiny(Path(name)), network, **RECIPES[network])
    run(network, params, "sides", f"{name}/run", live=f"{name}/live")


def stopped(network, *stories):
    """Play stories; print what was left of each attempt, the last of which nothing stops."""
    found = {}
    for story in stories:
        name, _, moments = story.partition("=")
        found[name] = []
        for moment in [*filter(None, moments.split(",")), "never"]:
            status = wait_for(forked(train_until, network, name, moment))
            files = sorted(path.name for path in Path(f"{name}/checkpoints/{network}").glob("*"))
            found[name].append({"moment": moment, "status": status, "files": files})
    print(json.dumps(found))


def two_processors():
    """What a machine of two GPUs has by itself: a strategy for both."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


def train_on(name, processors=1):
    if processors == 2:
        devices.strategy = lambda parameter: two_processors()
    params = tiny(Path(name))
    # Workers are machines: each has a disk of its own, and all reach the checkpoints.
    shared = {"checkpoints": f"{Path(name).parent}/checkpoints", "checkpoint_steps": 6}
    params = changed(params, "segmenter", epochs=2, learning_rate=2e-3, augment=LIGHT, training=shared)
    told = []
    places = {"live": f"{name}/live", "on_epoch": lambda epoch, row: told.append(row)}
    network = run("segmenter", params, "sides", f"{name}/run", **places)
    assert (network is None) == (name == "workers/1")
    Path(name, "told.json").write_text(json.dumps(told))


def spread():
    """Deal batches to two processors, train on them, and by two workers."""
    assert wait_for(forked(parts)) == 0
    assert wait_for(forked(train_on, "mirrored/0", 2)) == 0
    train_by_two_workers()


def moved():
    """Go on with two processors from the workers' checkpoint after the first of two epochs."""
    shutil.copytree("workers/checkpoints", "moved/checkpoints", ignore=shutil.ignore_patterns("*12.npz"))
    assert wait_for(forked(train_on, "moved/0", 2)) == 0


def train_by_two_workers():
    with socket.socket() as first, socket.socket() as second:
        for probe in (first, second):
            probe.bind(("127.0.0.1", 0))
        addresses = [f"127.0.0.1:{probe.getsockname()[1]}" for probe in (first, second)]
    children = set()
    for number in range(2):
        task = {"type": "worker", "index": number}
        os.environ["TF_CONFIG"] = json.dumps({"cluster": {"worker": addresses}, "task": task})
        children.add(forked(train_on, f"workers/{number}"))
    while children:
        child, status = os.wait()
        children.discard(child)
        if status:  # the other would wait for it forever
            for other in children:
                os.kill(other, signal.SIGKILL)
            raise SystemExit(f"a worker ended with {status}")
    del os.environ["TF_CONFIG"]


def parts():
    """Write what each of two replicas gets of three batches."""
    slices, strategy = few_slices(), two_processors()
    with strategy.scope():
        stream = iter(batches(slices, Sampler(slices.has_tumor, 8, seed=1), with_masks=True)(2))
        found = [[strategy.experimental_local_results(kind) for kind in next(stream)] for _ in range(3)]
    np.savez("parts.npz", images=[images for images, _ in found], masks=[masks for _, masks in found])


def forked(job, *arguments):
    """Start a child that runs the job and ends with its exit status, 1 for an error."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            job(*arguments)
            status = 0
        except SystemExit as error:
            status = error.code
        finally:
            if status == 1:
                traceback.print_exc()
            sys.stdout.flush()
            os._exit(status)
    return child


def wait_for(child):
    """Its exit status, or minus the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    garbage.collect_seldom()
    gc.freeze()  # else a collection in a child would copy all pages
    {"stopped": stopped, "spread": spread, "moved": moved}[sys.argv[1]](*sys.argv[2:])
