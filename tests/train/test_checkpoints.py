"""Checkpoints are read back unchanged, and damaged or foreign ones are never used."""

from __future__ import annotations

import errno
from random import Random

import fsspec
import numpy as np
import pytest

from components.common.errors import UserError
from components.train.checkpoints import Checkpoints, State

WEIGHTS = np.arange(12, dtype="float32").reshape(3, 4)


@pytest.fixture(params=["folder", "bucket"])
def address(request, tmp_path, temporary_folder):
    """Where checkpoints are saved: a folder that doesn't exist yet, or a bucket."""
    if request.param == "folder":
        return str(tmp_path / "made" / "checkpoints")
    request.getfixturevalue("bucket")
    return "gs://scans/made/checkpoints"


def state_of(step, key="key"):
    return State(key, step, done=step % 6, history=[{"epoch": 0.0, "loss": 0.1 + step}], best=0)


def arrays_of(step):
    return {"model": [WEIGHTS + step, np.array(step)], "best": []}


def save(checkpoints, *steps):
    for step in steps:
        checkpoints.save(state_of(step, checkpoints.key), arrays_of(step))


def latest_step(checkpoints):
    """The step of the last intact checkpoint, whose contents are checked."""
    found = checkpoints.latest()
    if found is None:
        return None
    state, arrays = found
    assert state == state_of(state.step, checkpoints.key)
    for one, other in zip(arrays["model"], arrays_of(state.step)["model"], strict=True):
        np.testing.assert_array_equal(one, other)
    return state.step


def file_names(address):
    fs, root = fsspec.core.url_to_fs(address, use_listings_cache=False)
    return sorted(path.rpartition("/")[2] for path in fs.find(root))


def write_file(address, name, content):
    fs, root = fsspec.core.url_to_fs(address)
    fs.pipe_file(f"{root}/{name}", content)


def test_arrays_of_every_type_are_read_back_unchanged(address):
    types = ["float16", "float32", "float64", "int8", "int64", "uint8", "uint32", "bool"]
    several = [np.array([[0, 1], [5, 120]]).astype(kind) for kind in types]
    scalars = [np.array(3).astype(kind) for kind in types]
    arrays = {"model": several, "optimizer": scalars, "metrics": [np.zeros((0, 3), "float32")], "best": [WEIGHTS.T]}
    arrays["model"] += [np.array([2**32 - 1, 0], "uint32")]  # a seed
    state = State("key", 7, 1, [{"epoch": 0.0, "loss": 0.1}, {"epoch": 1.0, "loss": 1 / 3}], 1)
    Checkpoints(address, "key").save(state, arrays)
    found, read = Checkpoints(address, "key").latest()
    assert found == state
    assert list(read) == list(arrays)
    for name, values in arrays.items():
        for one, other in zip(read[name], values, strict=True):
            assert (one.dtype, one.shape) == (other.dtype, other.shape)
            np.testing.assert_array_equal(one, other)


def test_more_than_ten_arrays_keep_their_order(address):
    Checkpoints(address, "key").save(State("key"), {"model": [np.array(i) for i in range(25)]})
    _, arrays = Checkpoints(address, "key").latest()
    assert [int(array) for array in arrays["model"]] == list(range(25))


def test_only_the_latest_checkpoints_are_kept(address):
    checkpoints = Checkpoints(address, "key")
    save(checkpoints, 3, 6, 9, 1000)
    assert latest_step(checkpoints) == 1000
    assert file_names(address) == ["step-000000009.npz", "step-000001000.npz"]
    longer = Checkpoints(address, "key", keep=3)
    save(longer, 1003)
    assert len(file_names(address)) == 3


def test_without_checkpoints_there_is_nothing_to_resume(address):
    assert Checkpoints(address, "key").latest() is None
    Checkpoints(address, "key").clear()
    save(Checkpoints(address, "key"), 3)
    Checkpoints(address, "key").clear()
    assert Checkpoints(address, "key").latest() is None


def test_checkpoints_of_another_training_are_reported_and_removed(address, capsys):
    save(Checkpoints(address, "old"), 9)
    assert latest_step(Checkpoints(address, "new")) is None
    assert capsys.readouterr().out == f"{address}/step-000000009.npz: from other parameters, data or code; deleted\n"
    save(Checkpoints(address, "new"), 3)
    assert latest_step(Checkpoints(address, "new")) == 3
    assert latest_step(Checkpoints(address, "old")) is None


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
def test_non_finite_numbers_never_replace_a_good_checkpoint(tmp_path, value, kind):
    checkpoints = Checkpoints(str(tmp_path), "key", keep=1)
    save(checkpoints, 3)
    bad = {"model": [WEIGHTS], "optimizer": [np.array([1, value, 2], kind)]}
    with pytest.raises(
        UserError, match=r"^training diverged: not finite at step 6; [^\n]* lower learning_rate"
    ) as error:
        checkpoints.save(state_of(6), bad)
    assert "\n" not in str(error.value)
    assert latest_step(checkpoints) == 3
    assert file_names(str(tmp_path)) == ["step-000000003.npz"]


def damaged_versions(content):
    """Damaged versions of a file, several for each kind of damage: a name and the remaining bytes."""
    rng = Random(1)
    yield "empty", b""
    yield "zeros", bytes(len(content))
    for length in sorted(rng.sample(range(1, len(content)), 8)):
        yield f"cut to {length}", content[:length]
    for bit in sorted(rng.sample(range(8 * len(content)), 300)):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        yield f"bit {bit}", bytes(flipped)


def test_a_damaged_checkpoint_is_reported_and_the_previous_one_used(tmp_path, capsys):
    checkpoints = Checkpoints(str(tmp_path), "key")
    save(checkpoints, 3, 6)
    newest = tmp_path / "step-000000006.npz"
    content, reports = newest.read_bytes(), 0
    for name, remaining in damaged_versions(content):
        newest.write_bytes(remaining)
        step = latest_step(checkpoints)  # checks the contents, too: some bits, such as those of a date, don't matter
        output = capsys.readouterr().out
        if step == 3:
            assert output.startswith(f"{newest}: damaged ("), name
            assert output.endswith("); deleted; using the one before it\n"), name
            assert output.count("\n") == 1, name
            assert not newest.exists(), name
            reports += 1
        else:
            assert (step, output) == (6, ""), name
    assert reports > 200


@pytest.mark.parametrize("remaining", [b"", b"PK\x03\x04", b"not a checkpoint"])
def test_if_all_checkpoints_are_damaged_none_is_used_or_kept(address, tmp_path, capsys, remaining):
    save(Checkpoints(address, "key"), 3, 6)
    for name in file_names(address):
        write_file(address, name, remaining)
    assert latest_step(Checkpoints(address, "key")) is None
    assert capsys.readouterr().out.count("damaged (") == 2
    assert file_names(address) == []


def test_weights_exchanged_in_the_archive_directory_are_detected(tmp_path):
    checkpoints = Checkpoints(str(tmp_path), "key")
    save(checkpoints, 3)
    checkpoints.save(state_of(6), {"model": [WEIGHTS, WEIGHTS + 1]})
    newest = tmp_path / "step-000000006.npz"
    content = newest.read_bytes()
    position = content.rindex(b"model/0.npy")
    newest.write_bytes(content[:position] + b"model/1.npy" + content[position + 11 :])
    assert latest_step(checkpoints) == 3


def test_a_partly_written_file_is_not_taken_for_a_checkpoint(tmp_path, capsys):
    (tmp_path / ".part-host-1-x-step-000000009.npz").write_bytes(b"PK")
    checkpoints = Checkpoints(str(tmp_path), "key")
    assert latest_step(checkpoints) is None
    save(checkpoints, 3, 6)
    assert latest_step(checkpoints) == 6
    assert capsys.readouterr().out == ""


def test_a_full_disk_is_reported_and_earlier_checkpoints_are_kept(small_disk):
    checkpoints = Checkpoints(str(small_disk / "checkpoints"), "key")
    big = {"model": [np.random.default_rng(1).random(100_000 // 4, "float32"), np.array(3)], "best": []}
    checkpoints.save(state_of(3), big)
    checkpoints.save(state_of(6), big)
    with pytest.raises(UserError, match=r"^\S+checkpoints: disk full while saving step 9; [^\n]+ make room") as error:
        checkpoints.save(state_of(9), big)
    assert error.value.__cause__.errno == errno.ENOSPC
    assert file_names(str(small_disk / "checkpoints")) == ["step-000000003.npz", "step-000000006.npz"]
    state, arrays = checkpoints.latest()
    assert state == state_of(6)
    np.testing.assert_array_equal(arrays["model"][0], big["model"][0])


def test_other_disk_errors_are_not_reported_as_a_full_disk(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"can't be written \(Not a directory\); choose another place"):
        save(Checkpoints(str(tmp_path / "file" / "inside"), "key"), 3)


def test_a_missing_bucket_is_reported_in_one_line(bucket):
    with pytest.raises(UserError, match=r"^gs://elsewhere/run\S*: [^\n]+$"):
        save(Checkpoints("gs://elsewhere/run", "key"), 3)
