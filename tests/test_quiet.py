"""The known messages of TensorFlow's import are kept off standard error, and everything else is shown."""

from __future__ import annotations

import subprocess
import sys

from conftest import ROOT

KNOWN_MESSAGES = """\
WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1795556735.361884      22 port.cc:153] oneDNN custom operations are on. You may see slightly different
"""
SILENT = "from pipelines.processes import quiet; quiet.silence()"


def standard_error(code):
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    return run.stderr


def stderr_of_import(folder, *, writes, then="", after=""):
    """Return standard error of importing a fake `tensorflow` package that writes `writes` to file descriptor 2."""
    (folder / "tensorflow").mkdir(parents=True)
    body = f"import os\nos.write(2, {writes.encode()!r})\n{then}\n"
    (folder / "tensorflow" / "__init__.py").write_text(body, encoding="utf-8")
    code = f"import sys; sys.path.insert(0, {str(folder)!r}); {SILENT}; import tensorflow; {after}"
    return standard_error(code)


def test_known_messages_are_hidden_and_others_are_shown(tmp_path):
    assert stderr_of_import(tmp_path, writes=KNOWN_MESSAGES + "F0000 cpu.cc:1] this processor lacks AVX\n") == (
        "F0000 cpu.cc:1] this processor lacks AVX\n"
    )


def test_a_failed_import_shows_its_reason(tmp_path):
    message = stderr_of_import(tmp_path, writes="cannot map segment\n", then="raise ImportError('no AVX')")
    assert message.startswith("cannot map segment\n")
    assert message.rstrip().endswith("ImportError: no AVX")


def test_onednn_is_on_unless_it_is_set_explicitly(monkeypatch):
    print_setting = f"{SILENT}; import os, sys; sys.stderr.write(os.environ['TF_ENABLE_ONEDNN_OPTS'])"
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    assert standard_error(print_setting) == "1"
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    assert standard_error(print_setting) == "0"


def test_unused_packages_are_missing_only_during_the_import(tmp_path):
    message = stderr_of_import(
        tmp_path, writes="", then="try: import matplotlib\nexcept ImportError: os.write(2, b'missing')"
    )
    assert message == "missing"
    assert stderr_of_import(tmp_path / "later", writes="", after="import matplotlib") == ""


def test_real_imports_are_silent_and_lean_and_hide_no_later_output():
    unused = "[name for name in quiet.UNUSED if name in sys.modules]"
    code = f"{SILENT}; import keras, tensorflow, os, sys; os.write(2, f'heard {{{unused}}}'.encode())"
    assert standard_error(code) == "heard []"
