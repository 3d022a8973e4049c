"""`glioflow` by its entry point, in the test's own process: what a start costs is paid once, not by every command."""

from __future__ import annotations

import contextlib
import functools
import io
import sys
import warnings
from subprocess import CompletedProcess

import gto  # noqa: F401  closes all log handlers there are; once output is redirected, absl's would close pytest's own file
import pytest
from whole_project import command, environment

from pipelines.cli import main

# The same in a process of its own, where the start itself is what is tested.
glioflow_alone = functools.partial(command, "glioflow")


def glioflow(*arguments, cwd, **variables):
    """Run a command in a folder, as `whole_project.command` does; what its child processes print isn't caught."""
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
