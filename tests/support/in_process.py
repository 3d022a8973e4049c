"""Run `glioflow` through its entry point in the test's own process: it starts up once, not once per command."""

from __future__ import annotations

import contextlib
import functools
import io
import sys
import warnings
from subprocess import CompletedProcess

import gto  # noqa: F401  closes log handlers; after redirecting output, absl's would close pytest's file
import pytest
from whole_project import environment, run_command

from pipelines.cli import main

# The same in a process of its own, for tests of the start itself.
glioflow_subprocess = functools.partial(run_command, "glioflow")


def glioflow(*arguments, cwd, **variables):
    """Run a command in a folder, as `whole_project.run_command` does; output of its child processes isn't captured."""
    out, err = io.StringIO(), io.StringIO()
    words = ["glioflow", *map(str, arguments)]
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.chdir(cwd)
        patch.setattr(sys, "argv", words)
        for name, value in {**environment(cwd), **variables}.items():
            patch.setenv(name, value)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as end:
            main()
    return CompletedProcess(words, end.value.code or 0, out.getvalue(), err.getvalue())
