"""What TensorFlow says unasked at its import is kept from standard error; whatever else is said there is not."""

from __future__ import annotations

import subprocess
import sys

from conftest import ROOT

UNASKED = """\
WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1795556735.361884      22 port.cc:153] oneDNN custom operations are on. You may see slightly different
"""
SILENT = "from pipelines import quiet; quiet.silence()"


def standard_error(code):
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    return run.stderr


def imported(folder, *, says, then="", after=""):
    """Standard error of an import of a package of TensorFlow's name that writes `says` to file descriptor 2."""
    (folder / "tensorflow").mkdir(parents=True)
    body = f"import os\nos.write(2, {says.encode()!r})\n{then}\n"
    (folder / "tensorflow" / "__init__.py").write_text(body, encoding="utf-8")
    code = f"import sys; sys.path.insert(0, {str(folder)!r}); {SILENT}; import tensorflow; {after}"
    return standard_error(code)


def test_the_lines_that_are_known_are_kept_back_and_others_are_not(tmp_path):
    assert imported(tmp_path, says=UNASKED + "F0000 cpu.cc:1] this processor lacks AVX\n") == (
        "F0000 cpu.cc:1] this processor lacks AVX\n"
    )


def test_an_import_that_fails_says_why(tmp_path):
    said = imported(tmp_path, says="cannot map segment\n", then="raise ImportError('no AVX')")
    assert said.startswith("cannot map segment\n")
    assert said.rstrip().endswith("ImportError: no AVX")


def test_onednn_is_on_unless_somebody_has_chosen(monkeypatch):
    asks = f"{SILENT}; import os, sys; sys.stderr.write(os.environ['TF_ENABLE_ONEDNN_OPTS'])"
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    assert standard_error(asks) == "1"
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    assert standard_error(asks) == "0"


def test_packages_for_other_users_are_missing_during_the_import_alone(tmp_path):
    said = imported(tmp_path, says="", then="try: import matplotlib\nexcept ImportError: os.write(2, b'missing')")
    assert said == "missing"
    assert imported(tmp_path / "later", says="", after="import matplotlib") == ""


def test_the_real_imports_say_nothing_bring_nothing_unused_and_later_words_are_heard():
    unused = "[name for name in quiet.UNUSED if name in sys.modules]"
    code = f"{SILENT}; import keras, tensorflow, os, sys; os.write(2, f'heard {{{unused}}}'.encode())"
    assert standard_error(code) == "heard []"
