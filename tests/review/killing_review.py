"""Kill a review or an adoption before each change of a file: `killing_review.py decide|adopt FOLDER [--random N]`.

The process is killed by `killing.kill_at` in forks of one that has imported everything. With `--random`, N times at
random moments of a reviewer who decides over and over; what was acknowledged has been written to a pipe before.
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
from killing import forked, kill_at, was_killed
from reviewed import reviewing, write_source

from components.adopt.bring_in import adopt
from components.common.exchange import restore
from components.review.own_scan import OWN
from components.review.revisions import Revisions
from components.scans.own_voxels import mask_hash
from components.sources import open_source

# Pictures and volumes are written in two ways; an adoption writes a file a slice of pictures, and one of a volume.
KIND = {"decide": "kaggle", "adopt": "nifti"}[sys.argv[1]]
NAMES = ("P1", "P2")


def mask_of(desk, number, step):
    """Another mask at every step."""
    mask = desk.open(number).start.copy()
    mask.flat[step % mask.size] ^= True
    return mask


def decide(folder, acknowledged=None, steps=1):
    """Decide several times, and tell of each decision after its answer."""
    with reviewing(folder, KIND, NAMES) as client:
        for step in range(steps):
            number = step % len(NAMES)
            mask = mask_of(client.desk, number, client.details(number)["revision"] * 7 + step)
            kind = {"content-type": "application/octet-stream"}
            scan = {"scan": client.details(number)["scan"]}
            client("PUT", f"/patients/{number}/draft", content=client.nifti(mask, number), headers=kind, params=scan)
            answer = client.decide("corrected", number, mask)
            assert answer.status_code == 200, answer.text
            if acknowledged is not None:
                os.write(acknowledged, f"{client.desk.rows[number].patient} {answer.json()['revision']}\n".encode())


def check(folder, told):
    """Every acknowledged decision is there, and every decision that is there is whole."""
    import nibabel as nib

    revisions = Revisions(folder / "reviewed")
    for line in told.split("\n"):
        if line:
            patient, number = line.split()
            assert len(revisions.decisions[patient]) >= int(number), line
    for several in revisions.decisions.values():
        assert [one.revision for one in several] == list(range(1, len(several) + 1))
        for one in several:
            mask = np.asarray(nib.load(revisions.mask_of(one)).dataobj) > 0
            assert mask_hash(mask) == one.after
    with reviewing(folder, KIND, NAMES) as client:  # and the review goes on, drafts included
        for number in range(len(NAMES)):
            assert client("GET", f"/patients/{number}/layers/drawn").status_code == 200
    left = [path for path in (folder / "reviewed").rglob(".part-*") if path.parent.name != "revisions"]
    assert len(left) <= 4, left  # of this kill; the next write sweeps it


def killed_while(job, folder, *more):
    """Run the job in a fork with a pipe; yields what it has told before what it `meets` killed it."""
    read, write = os.pipe()
    child = forked(job, folder, write, *more[1:], meets=more[0])
    os.close(write)
    return child, read


def told_by(read):
    with os.fdopen(read, encoding="ascii") as pipe:
        return pipe.read()


def every_decision(folder):
    for opened in (False, True):
        for number in count():
            shutil.rmtree(folder / "reviewed", ignore_errors=True)
            child, read = killed_while(decide, folder, (folder / "reviewed", kill_at(number, opened)))
            killed = was_killed(child)
            check(folder, told_by(read))
            if not killed:
                break
        assert number >= 5
        print(f"killed {'in' if opened else 'before'} {number} changes", flush=True)


def random_decisions(folder, times):
    rng, killed, acknowledged = random.Random(0), 0, 0
    while killed < times:
        child, read = killed_while(decide, folder, None, 1000)
        time.sleep(rng.uniform(0.05, 0.6))  # the random moment
        os.kill(child, signal.SIGKILL)
        killed += was_killed(child)
        told = told_by(read)
        acknowledged += told.count("\n")
        check(folder, told)
    print(f"killed {killed} times; {acknowledged} decisions were acknowledged, and all are there", flush=True)


def run_adopt(folder):
    adopt(folder / "reviewed", folder / "source")


def masks(source):
    with open_source(source) as opened:
        return {patient: mask_hash(opened.read(patient, OWN).scan.mask) for patient in opened.patients}


def every_adoption(folder):
    """The source is the old version or the new one; a second run, if one is needed, ends with the new."""
    decide(folder)
    write_source(folder / "original", KIND, ["P1", "Q1"])
    before = masks(folder / "original")
    shutil.copytree(folder / "original", folder / "source")
    run_adopt(folder)
    after = masks(folder / "source")
    assert before != after
    for number in count():
        shutil.rmtree(folder / "source")
        shutil.copytree(folder / "original", folder / "source")
        killed = was_killed(forked(run_adopt, folder, meets=(folder, kill_at(number, False))))
        restore(folder / "source")
        found = masks(folder / "source")
        assert found in (before, after)
        if found == before:
            run_adopt(folder)
        assert masks(folder / "source") == after
        if not killed:
            break
    print(f"killed before {number} changes", flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    what, place = sys.argv[1], Path(sys.argv[2])
    with reviewing(place, KIND, NAMES) as client:  # imports everything once, and makes the scans
        client.decide("accepted")
    shutil.rmtree(place / "reviewed")
    if what == "adopt":
        every_adoption(place)
    elif "--random" in sys.argv:
        random_decisions(place, int(sys.argv[-1]))
    else:
        every_decision(place)
