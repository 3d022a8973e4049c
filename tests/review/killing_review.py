"""Kill a review or an adoption before each change of a file: `killing_review.py decide|adopt FOLDER [--random N]`.

`killing.kill_at` kills forks of a process that has imported everything. With `--random`, a reviewer who decides over
and over is killed N times at random moments; each acknowledged decision has been written to a pipe before.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import time
import warnings
from itertools import count
from pathlib import Path

import numpy as np
from killing import kill_at_change, start_fork, was_killed
from review_client import reviewing, write_source

from components.adopt.adoption import adopt
from components.common.exchange import restore
from components.review.own_scan import OWN
from components.review.revisions import Revisions
from components.scans.own_voxels import mask_hash
from components.sources import open_source

# Pictures and volumes are written differently: an adoption writes one file per picture, but only one per volume.
KIND = {"decide": "kaggle", "adopt": "nifti"}[sys.argv[1]]
NAMES = ("P1", "P2")


def mask_of(session, number, step):
    """A different mask at every step."""
    mask = session.open(number).start.copy()
    mask.flat[step % mask.size] ^= True
    return mask


def decide(folder, acknowledged=None, steps=1):
    """Decide several times, and write each decision to the pipe `acknowledged` once it has been answered."""
    with reviewing(folder, KIND, NAMES) as client:
        for step in range(steps):
            number = step % len(NAMES)
            mask = mask_of(client.session, number, client.details(number)["revision"] * 7 + step)
            content_type = {"content-type": "application/octet-stream"}
            scan = {"scan": client.details(number)["scan"]}
            client(
                "PUT",
                f"/patients/{number}/draft",
                content=client.nifti(mask, number),
                headers=content_type,
                params=scan,
            )
            answer = client.decide("corrected", number, mask)
            assert answer.status_code == 200, answer.text
            if acknowledged is not None:
                os.write(acknowledged, f"{client.session.rows[number].patient} {answer.json()['revision']}\n".encode())


def check(folder, acknowledgements):
    """Assert that no acknowledged decision is lost, and that every stored decision is complete."""
    import nibabel as nib

    revisions = Revisions(folder / "reviewed")
    for line in acknowledgements.split("\n"):
        if line:
            patient, number = line.split()
            assert len(revisions.decisions[patient]) >= int(number), line
    for several in revisions.decisions.values():
        assert [one.revision for one in several] == list(range(1, len(several) + 1))
        for one in several:
            mask = np.asarray(nib.load(revisions.mask_of(one)).dataobj) > 0
            assert mask_hash(mask) == one.after
    with reviewing(folder, KIND, NAMES) as client:  # and the review can continue, drafts included
        for number in range(len(NAMES)):
            assert client("GET", f"/patients/{number}/layers/drawn").status_code == 200
    left = [path for path in (folder / "reviewed").rglob(".part-*") if path.parent.name != "revisions"]
    assert len(left) <= 4, left  # of this kill; the next write removes them


def start_with_pipe(job, folder, *more):
    """Start the job in a fork that writes to a pipe; returns the child and the end of the pipe to read."""
    read, write = os.pipe()
    child = start_fork(job, folder, write, *more[1:], on_change=more[0])
    os.close(write)
    return child, read


def read_pipe(read):
    with os.fdopen(read, encoding="ascii") as pipe:
        return pipe.read()


def kill_every_decision(folder):
    for opened in (False, True):
        for number in count():
            shutil.rmtree(folder / "reviewed", ignore_errors=True)
            child, read = start_with_pipe(decide, folder, (folder / "reviewed", kill_at_change(number, opened)))
            killed = was_killed(child)
            check(folder, read_pipe(read))
            if not killed:
                break
        assert number >= 5
        print(f"killed {'in' if opened else 'before'} {number} changes", flush=True)


def kill_at_random(folder, times):
    rng, killed, acknowledged = random.Random(0), 0, 0
    while killed < times:
        child, read = start_with_pipe(decide, folder, None, 1000)
        time.sleep(rng.uniform(0.05, 0.6))  # the random moment
        os.kill(child, signal.SIGKILL)
        killed += was_killed(child)
        acknowledgements = read_pipe(read)
        acknowledged += acknowledgements.count("\n")
        check(folder, acknowledgements)
    print(f"killed {killed} times; {acknowledged} decisions were acknowledged, and all are there", flush=True)


def run_adopt(folder):
    adopt(folder / "reviewed", folder / "source")


def mask_hashes(source):
    with open_source(source) as opened:
        return {patient: mask_hash(opened.read(patient, OWN).scan.mask) for patient in opened.patients}


def kill_every_adoption(folder):
    """After a kill, the source is the old version or the new one; a second run, if needed, ends with the new one."""
    decide(folder)
    write_source(folder / "original", KIND, ["P1", "Q1"])
    before = mask_hashes(folder / "original")
    shutil.copytree(folder / "original", folder / "source")
    run_adopt(folder)
    after = mask_hashes(folder / "source")
    assert before != after
    for number in count():
        shutil.rmtree(folder / "source")
        shutil.copytree(folder / "original", folder / "source")
        killed = was_killed(start_fork(run_adopt, folder, on_change=(folder, kill_at_change(number, False))))
        restore(folder / "source")
        found = mask_hashes(folder / "source")
        assert found in (before, after)
        if found == before:
            run_adopt(folder)
        assert mask_hashes(folder / "source") == after
        if not killed:
            break
    print(f"killed before {number} changes", flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    what, place = sys.argv[1], Path(sys.argv[2])
    with reviewing(place, KIND, NAMES) as client:  # imports everything once, and writes the scans
        client.decide("accepted")
    shutil.rmtree(place / "reviewed")
    if what == "adopt":
        kill_every_adoption(place)
    elif "--random" in sys.argv:
        kill_at_random(place, int(sys.argv[-1]))
    else:
        kill_every_decision(place)
