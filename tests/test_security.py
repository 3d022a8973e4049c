"""What docs/security.md promises about code that hides in data."""

from __future__ import annotations

import ast
import pickle
import re
import subprocess
import sys

import h5py
import numpy as np
import pyarrow as pa
import pytest
from conftest import ROOT

from models.networks.network_files import build, load_network, save_network
from pipelines import stack

DOCUMENT = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")


class Attack:
    """Unpickled, it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.fixture
def attacked(tmp_path):
    """Read an Arrow file whose column's type is a pickle, after `imports`; tells whether the pickle was run, and what
    was said."""
    metadata = {
        b"ARROW:extension:name": b"arrow.py_extension_type",
        b"ARROW:extension:metadata": pickle.dumps(Attack(tmp_path / "ran")),
    }
    table = pa.table([pa.array([1])], schema=pa.schema([pa.field("x", pa.int64(), metadata=metadata)]))
    with pa.OSFile(str(tmp_path / "attack.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)

    def run(imports):
        read = f"import pyarrow; pyarrow.ipc.open_file({str(tmp_path / 'attack.arrow')!r}).read_all()"
        code = f"{imports}; {read}"
        said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
        return (tmp_path / "ran").exists(), said.stderr

    return run


@pytest.mark.parametrize(
    "imports",
    [
        "import components.convert.stage",
        pytest.param("import components.io.beam", marks=pytest.mark.nightly),
        pytest.param("import apache_beam", marks=pytest.mark.nightly),
    ],
)
def test_pyarrow_runs_no_pickle_where_beam_is_imported(attacked, imports):
    ran, said = attacked(imports)
    assert not ran
    if stack.current() == "classic":
        assert "Disallowed deserialization of 'arrow.py_extension_type'" in said


@pytest.mark.skipif(stack.current() != "classic", reason="pyarrow runs no pickles from 14.0.1 on, with or without Beam")
def test_the_classic_lanes_pyarrow_alone_would_run_it(attacked):
    ran, _ = attacked("import pyarrow")
    assert ran


@pytest.mark.filterwarnings("ignore:Skipping nested container")  # Keras 3.15 tries another way before it refuses
def test_weights_that_point_to_another_file_are_refused(tmp_path):
    """CVE-2026-1669."""
    arguments = {"filters": [2, 2], "size": 32}
    save_network(tmp_path, build("segmenter", arguments), arguments)
    (tmp_path / "secret").write_bytes(bytes(10_000))
    with h5py.File(tmp_path / "network.weights.h5", "r+") as file:
        arrays = []
        file.visititems(lambda name, item: arrays.append(name) if isinstance(item, h5py.Dataset) else None)
        shape, dtype = file[arrays[0]].shape, file[arrays[0]].dtype
        del file[arrays[0]]
        size = int(np.prod(shape)) * dtype.itemsize
        file.create_dataset(arrays[0], shape, dtype, external=[(str(tmp_path / "secret"), 0, size)])
    with pytest.raises(ValueError, match="Not allowed: H5 file with external"):
        load_network(tmp_path)


def test_protobuf_is_parsed_by_compiled_code():
    """CVE-2025-4565 is in the other implementation."""
    from google.protobuf.internal import api_implementation

    assert api_implementation.Type() in ("cpp", "upb")


def calls(source):
    """Dotted names of what is called, with the call's keywords."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), {word.arg: ast.unparse(word.value) for word in node.keywords}


RUNS = re.compile(
    r"(c?pickle|dill|joblib|cloudpickle|torch)\.loads?|pd\.read_pickle|yaml\.(unsafe_|full_)?load|eval|exec"
    r"|.*enable_unsafe_deserialization"
)
GUARDS = {"np.load": ("allow_pickle", "False"), "keras.models.load_model": ("safe_mode", "True")}


def complaints(source):
    """Calls that would run what a file holds."""
    for name, words in calls(source):
        word, value = GUARDS.get(name, (None, None))
        if RUNS.fullmatch(name) or (word and words.get(word) != value):
            yield name


@pytest.mark.parametrize("room", ["components", "models", "pipelines"])
def test_no_code_of_the_project_runs_what_a_file_holds(room):
    found = {
        str(path.relative_to(ROOT)): told
        for path in sorted((ROOT / room).rglob("*.py"))
        if (told := list(complaints(path.read_text(encoding="utf-8"))))
    }
    assert found == {}


@pytest.mark.parametrize(
    "line",
    [
        "pickle.load(file)",
        "yaml.load(text)",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "keras.models.load_model(path)",
        "keras.models.load_model(path, safe_mode=False)",
        "keras.config.enable_unsafe_deserialization()",
        "eval(text)",
    ],
)
def test_such_code_would_be_found(line):
    assert list(complaints(line)) == [line.partition("(")[0]]


def test_the_document_speaks_of_the_pins_that_are_locked():
    table = re.findall(r"^\| `([\w-]+)` ([\d.]+) \| (classic|modern|both) \|", DOCUMENT, re.MULTILINE)
    assert len(table) > 8
    for name, version, which in table:
        markers = re.findall(rf"^{name}=={re.escape(version)} ; (.*)", LOCK, re.MULTILINE)
        assert markers, f"{name} {version} is not in requirements.lock"
        expected = {"classic": "< '3.11'", "modern": ">= '3.1", "both": ""}[which]
        assert any(expected in marker for marker in markers), (name, version, which)
