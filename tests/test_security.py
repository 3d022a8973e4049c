"""Files can't execute code, as docs/security.md promises."""

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
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.fixture
def read_attack_file(tmp_path):
    """A function that reads an Arrow file with a pickle as a column's type, after some imports; it returns whether the
    pickle was run, and standard error."""
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
        printed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
        return (tmp_path / "ran").exists(), printed.stderr

    return run


@pytest.mark.parametrize(
    "imports",
    [
        "import components.convert.stage",
        pytest.param("import components.io.beam", marks=pytest.mark.nightly),
        pytest.param("import apache_beam", marks=pytest.mark.nightly),
    ],
)
def test_pyarrow_runs_no_pickle_if_beam_is_imported(read_attack_file, imports):
    ran, printed = read_attack_file(imports)
    assert not ran
    if stack.current() == "classic":
        assert "Disallowed deserialization of 'arrow.py_extension_type'" in printed


@pytest.mark.skipif(stack.current() != "classic", reason="pyarrow runs no pickles from 14.0.1 on, with or without Beam")
def test_the_classic_stacks_pyarrow_without_beam_runs_a_pickle(read_attack_file):
    ran, _ = read_attack_file("import pyarrow")
    assert ran


@pytest.mark.filterwarnings("ignore:Skipping nested container")  # Keras 3.15 first tries another way
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
    """Only the pure-Python implementation has CVE-2025-4565."""
    from google.protobuf.internal import api_implementation

    assert api_implementation.Type() in ("cpp", "upb")


def calls(source):
    """Yield the dotted name and the keyword arguments of each call."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), {word.arg: ast.unparse(word.value) for word in node.keywords}


UNSAFE = re.compile(
    r"(c?pickle|dill|joblib|cloudpickle|torch)\.loads?|pd\.read_pickle|yaml\.(unsafe_|full_)?load|eval|exec"
    r"|.*enable_unsafe_deserialization"
)
REQUIRED_ARGUMENTS = {"np.load": ("allow_pickle", "False"), "keras.models.load_model": ("safe_mode", "True")}


def unsafe_calls(source):
    """Yield the names of calls that could execute the contents of a file."""
    for name, words in calls(source):
        word, value = REQUIRED_ARGUMENTS.get(name, (None, None))
        if UNSAFE.fullmatch(name) or (word and words.get(word) != value):
            yield name


@pytest.mark.parametrize("top_package", ["components", "models", "pipelines"])
def test_no_code_of_the_project_executes_the_contents_of_files(top_package):
    found = {
        str(path.relative_to(ROOT)): unsafe
        for path in sorted((ROOT / top_package).rglob("*.py"))
        if (unsafe := list(unsafe_calls(path.read_text(encoding="utf-8"))))
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
def test_unsafe_calls_are_found(line):
    assert list(unsafe_calls(line)) == [line.partition("(")[0]]


def test_the_document_lists_the_locked_versions():
    table = re.findall(r"^\| `([\w-]+)` ([\d.]+) \| (classic|modern|both) \|", DOCUMENT, re.MULTILINE)
    assert len(table) > 8
    for name, version, which in table:
        markers = re.findall(rf"^{name}=={re.escape(version)} ; (.*)", LOCK, re.MULTILINE)
        assert markers, f"{name} {version} is not in requirements.lock"
        expected = {"classic": "< '3.11'", "modern": ">= '3.1", "both": ""}[which]
        assert any(expected in marker for marker in markers), (name, version, which)
