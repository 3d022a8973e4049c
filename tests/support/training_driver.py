"""Train in ways that a test runner can't: in processes that are killed, and on several processors or workers.

    python training_driver.py interrupt NETWORK SCENARIO...   a scenario is NAME=MOMENT,MOMENT...
    python training_driver.py distribute
    python training_driver.py resume                          after `distribute`

It imports everything once and forks for each training. It reads the slices from splits/ of the working folder, and
writes its results there.
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

import conftest  # noqa: F401  first: TensorFlow reads the environment that it sets
import keras
import numpy as np
import tensorflow as tf
from tiny_training import LIGHT_AUGMENTATION, few_slices, run_training, tiny_training_params, with_changes

from components.common.progress import Progress
from components.train import checkpoints, devices, stage
from components.train.batch_arrays import batch_arrays
from components.train.batches import batches
from components.train.epoch_validation import Validator
from components.train.sampling import Sampler
from pipelines.processes import gc_settings

RECIPES = {
    "segmenter": {"average": 0.9, "augment": LIGHT_AUGMENTATION},
    "classifier": {
        "average": 0.9,
        "strategy": "frozen_then_finetune",
        "head_epochs": 1,
        "weights": "backbone.weights.h5",
    },
}


def stop_process_at(moment):
    """Make this process kill or stop itself at kill:STEP, term:STEP, save:STEP, validation:BATCH or export."""
    kind, _, number = moment.partition(":")

    def interrupt_at(what, where="", half_written=None):
        if kind == what and number == str(where):
            if half_written:
                os.truncate(half_written, 100)
            os.kill(os.getpid(), signal.SIGTERM if kind in ("term", "validation") else signal.SIGKILL)

    class CountingProgress(Progress):
        def start(self, step, history):
            self.at = step
            super().start(step, history)

        def step(self):
            super().step()
            self.at += 1
            interrupt_at("kill", self.at)
            interrupt_at("term", self.at)

    class CountingValidator(Validator):
        def __init__(self, *arguments, check, **more):
            self.calls, self.original_check = 0, check
            super().__init__(*arguments, check=self.count, **more)

        def count(self):
            self.calls += 1
            interrupt_at("validation", self.calls)
            self.original_check()

    save, save_weights = checkpoints.write_arrays, keras.Model.save_weights

    def save_partly(file, arrays):
        save(file, arrays)
        interrupt_at("save", Path(file).stem.rpartition("-")[2].lstrip("0"), file)

    def save_weights_partly(network, file):
        save_weights(network, file)
        interrupt_at("export", half_written=file)

    stage.Progress, stage.Validator = CountingProgress, CountingValidator
    checkpoints.write_arrays, keras.Model.save_weights = save_partly, save_weights_partly


def train_until(network, name, moment):
    stop_process_at(moment)
    params = with_changes(tiny_training_params(Path(name)), network, **RECIPES[network])
    run_training(network, params, "splits", f"{name}/run", live=f"{name}/live")


def train_interrupted(network, *scenarios):
    """Run each scenario; print what each attempt left behind. The last attempt of a scenario is not interrupted."""
    found = {}
    for scenario in scenarios:
        name, _, moments = scenario.partition("=")
        found[name] = []
        for moment in [*filter(None, moments.split(",")), "never"]:
            status = wait_for(start_fork(train_until, network, name, moment))
            files = sorted(path.name for path in Path(f"{name}/checkpoints/{network}").glob("*"))
            found[name].append({"moment": moment, "status": status, "files": files})
    print(json.dumps(found))


def two_processors():
    """A strategy for two devices, as a machine with two GPUs would have it."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


def train_on(name, processors=1):
    if processors == 2:
        devices.strategy = lambda parameter: two_processors()
    params = tiny_training_params(Path(name))
    # Workers stand for machines: each has its own disk, and all can access the checkpoints.
    shared = {"checkpoints": f"{Path(name).parent}/checkpoints", "checkpoint_steps": 6}
    params = with_changes(
        params, "segmenter", epochs=2, learning_rate=2e-3, augment=LIGHT_AUGMENTATION, training=shared
    )
    reported = []
    outputs = {"live": f"{name}/live", "on_epoch": lambda epoch, row: reported.append(row)}
    network = run_training("segmenter", params, "splits", f"{name}/run", **outputs)
    assert (network is None) == (name == "workers/1")
    Path(name, "reported.json").write_text(json.dumps(reported))


def train_distributed():
    """Write the batches of two processors; train on two processors, and with two workers."""
    assert wait_for(start_fork(write_replica_batches)) == 0
    assert wait_for(start_fork(train_on, "mirrored/0", 2)) == 0
    train_by_two_workers()


def resume_on_one_machine():
    """Resume on two processors from the checkpoint that the workers wrote after the first of two epochs."""
    shutil.copytree("workers/checkpoints", "resumed/checkpoints", ignore=shutil.ignore_patterns("*12.npz"))
    assert wait_for(start_fork(train_on, "resumed/0", 2)) == 0


def train_by_two_workers():
    with socket.socket() as first, socket.socket() as second:
        for probe in (first, second):
            probe.bind(("127.0.0.1", 0))
        addresses = [f"127.0.0.1:{probe.getsockname()[1]}" for probe in (first, second)]
    children = set()
    for number in range(2):
        task = {"type": "worker", "index": number}
        os.environ["TF_CONFIG"] = json.dumps({"cluster": {"worker": addresses}, "task": task})
        children.add(start_fork(train_on, f"workers/{number}"))
    while children:
        child, status = os.wait()
        children.discard(child)
        if status:  # the other would wait for it forever
            for other in children:
                os.kill(other, signal.SIGKILL)
            raise SystemExit(f"a worker ended with {status}")
    del os.environ["TF_CONFIG"]


def write_replica_batches():
    """Write the parts of three batches that each of two replicas gets."""
    slices, strategy = few_slices(), two_processors()
    with strategy.scope():
        stream = iter(batches(batch_arrays(slices, Sampler(slices.has_tumor, 8, seed=1), with_masks=True))(2))
        found = [[strategy.experimental_local_results(kind) for kind in next(stream)] for _ in range(3)]
    np.savez("parts.npz", images=[images for images, _ in found], masks=[masks for _, masks in found])


def start_fork(job, *arguments):
    """Start a child process that runs the job; it exits with the status of the job, or 1 after an error."""
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
    """The exit status of a child, or minus the number of the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    gc_settings.collect_seldom()
    gc.freeze()  # otherwise a collection in a child would copy all pages
    commands = {"interrupt": train_interrupted, "distribute": train_distributed, "resume": resume_on_one_machine}
    commands[sys.argv[1]](*sys.argv[2:])
