"""Reads the commands of a page of docs/ as a reader would run them: block by block, in one shell.

The comment `<!-- not run: REASON -->` in a page keeps the block after it from being run; the commands in
`<!-- before: COMMANDS -->` are run at that point, for what a reader has already done.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from conftest import ROOT
from markdown_it import MarkdownIt

PAGES = [
    path for pattern in ("tutorial*.md", "tutorial*/*.md", "how-to/*.md") for path in (ROOT / "docs").glob(pattern)
]
SHELLS = {"", "bash", "console", "sh"}
COMMENT = re.compile(r"<!--\s*(not run|before):\s*(.*?)\s*-->", re.DOTALL)
# The environment is already set up, and is not the copy's own. Questions of DVC are answered with yes.
PREAMBLE = """\
set -euo pipefail
make() { command make -o setup -o predict-setup -o checks-setup "$@"; }
dvc() { if [ "$1" = gc ]; then command dvc "$@" --force; else command dvc "$@"; fi; }
"""


@dataclass(frozen=True)
class Block:
    """Commands of a page.

    Attributes:
        line: line of the page, from 1.
        text: the commands.
        reason: why they can't be run; "" if they can.
    """

    line: int
    text: str
    reason: str = ""


def blocks(page: Path) -> list[Block]:
    """Return the commands of a page in order; raise ValueError for a `not run` comment without commands after it."""
    found, reason = [], ""
    for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
        if token.type in ("code_block", "fence") and token.info.strip() in SHELLS:
            found.append(Block(token.map[0] + 1, _commands(token), reason))
            reason = ""
        elif token.type in ("code_block", "fence"):
            reason = ""
        elif reason:
            raise ValueError(f"{page.name}: no commands behind `not run: {reason}`")
        elif token.type == "html_block":
            for kind, commands in COMMENT.findall(token.content):
                if kind == "before":
                    found.append(Block(token.map[0] + 1, commands))
                else:
                    reason = commands
    if reason:
        raise ValueError(f"{page.name}: no commands behind `not run: {reason}`")
    return found


def _commands(token) -> str:
    """Return a block's commands; in a `console` block they follow a prompt."""
    if token.info.strip() != "console":
        return token.content
    return "\n".join(line.removeprefix("$ ") for line in token.content.splitlines() if line.startswith("$ "))


def script(page: Path) -> str:
    """Return a page as a bash script that prints, before every block, its line in the page."""
    parts = [
        f"echo '--- {page.name}, line {block.line}' >&2\n{block.text}" for block in blocks(page) if not block.reason
    ]
    return PREAMBLE + "\n".join(parts)
