"""The commands of a page of docs/, as somebody follows them: block by block, in one shell.

A comment in the page, `<!-- not run: REASON -->`, keeps the block behind it from being run; `<!-- before: COMMANDS -->`
is run where it stands, for what a reader has done already.
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
# The environment is set up already, and is not that of the copy. Where DVC would ask, the reader says yes.
BEGINNING = """\
set -euo pipefail
make() { command make -o setup -o serve-setup -o checks-setup "$@"; }
dvc() { if [ "$1" = gc ]; then command dvc "$@" --force; else command dvc "$@"; fi; }
"""


@dataclass(frozen=True)
class Block:
    """Commands of a page.

    Attributes:
        line: of the page, from 1.
        text: the commands.
        reason: why they can't be run; "" where they can.
    """

    line: int
    text: str
    reason: str = ""


def blocks(page: Path) -> list[Block]:
    """The commands of a page, in their order; raises ValueError where a reason stands before no commands."""
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
            for kind, words in COMMENT.findall(token.content):
                if kind == "before":
                    found.append(Block(token.map[0] + 1, words))
                else:
                    reason = words
    if reason:
        raise ValueError(f"{page.name}: no commands behind `not run: {reason}`")
    return found


def _commands(token) -> str:
    """A block's commands; in a console's record they stand behind a prompt."""
    if token.info.strip() != "console":
        return token.content
    return "\n".join(line.removeprefix("$ ") for line in token.content.splitlines() if line.startswith("$ "))


def script(page: Path) -> str:
    """A page as a script of bash, which says before every block in which line of the page it begins."""
    told = [f"echo '--- {page.name}, line {one.line}' >&2\n{one.text}" for one in blocks(page) if not one.reason]
    return BEGINNING + "\n".join(told)
