"""Progress in a log, a pod or a service's journal, which show only finished lines, and on a terminal."""

from __future__ import annotations

import ast
import fcntl
import os
import pty
import re
import struct
import sys
import termios
from contextlib import suppress

from conftest import ROOT, ingest_into

from components.common import bars
from components.common.bars import bar
from components.common.progress import Progress
from components.sources.demo import write_demo

STATE = re.compile(r"(ingest|demo|segmenter): +\d+% \d+/\d+ \[\d\d:\d\d<[\d:?]+, .*\]")


def test_a_log_gets_whole_lines_and_the_last_state(tmp_path, capsys):
    write_demo(tmp_path / "demo", patients=3, slices=6, size=64, seed=1)
    ingest_into(tmp_path, tmp_path / "demo", workers=1)
    output = capsys.readouterr().err
    assert "\r" not in output
    assert output.endswith("\n")
    states = [line for line in output.splitlines() if line.startswith(("demo", "ingest"))]
    assert all(STATE.fullmatch(line) for line in states), states
    assert [line.split("%")[0] for line in states if "3/3" in line] == ["demo: 100", "ingest: 100"]


def test_a_log_can_be_read_during_the_run(capsys):
    with bar(total=4, desc="segmenter", unit="step") as progress_bar:
        progress_bar.update()
        progress_bar.refresh()
        assert [STATE.fullmatch(line)[1] for line in capsys.readouterr().err.splitlines()] == ["segmenter"] * 2


def test_a_log_gets_one_line_per_interval(capsys):
    now = [0.0]
    with bar(range(1000), desc="segmenter", unit="step") as progress_bar:
        progress_bar._time = lambda: now[0]
        progress_bar.start_t = progress_bar.last_print_t = 0.0
        progress_bar.miniters, progress_bar.dynamic_miniters = 1, False
        for _ in range(100):
            now[0] += 1
            progress_bar.update()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 + 100 // bars.SECONDS + 1  # at the start, in between, at the end


def test_each_epoch_gets_its_own_line(capfd):
    progress = Progress("segmenter", steps=4, epochs=2)
    progress.start(0, [])
    for number in range(2):
        progress.step()
        progress.epoch(number, {"epoch": number, "loss": 0.5}, best=False)
    progress.close()
    out, err = capfd.readouterr()
    assert [line[:9] for line in out.splitlines()] == ["epoch 1/2", "epoch 2/2"]
    assert all(STATE.fullmatch(line) for line in err.splitlines())


def test_a_bar_of_unknown_length_counts(capsys):
    assert list(bar(iter("ab"), desc="read", unit="file")) == ["a", "b"]
    assert re.fullmatch(r"read: 2file \[.*\]", capsys.readouterr().err.splitlines()[-1])


def test_a_bar_moves_on_a_terminal(monkeypatch):
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    with os.fdopen(terminal, "w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        list(bar(range(3), desc="segmenter"))
        monkeypatch.undo()
    output = b""
    with suppress(OSError):  # EIO: everything is read, and the other end is closed
        while True:  # a terminal delivers its output in parts
            output += os.read(controller, 1 << 16)
    os.close(controller)
    assert b"\rsegmenter: 100%|" in output


def test_only_bars_uses_tqdm_directly():
    for file in [*(ROOT / "components").rglob("*.py"), *(ROOT / "pipelines").rglob("*.py")]:
        names = {
            one.func.id
            for one in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            if isinstance(one, ast.Call) and isinstance(one.func, ast.Name)
        }
        assert "tqdm" not in names or file.name == "bars.py", file
