"""What the words of a file's name say: those of headers (`words`), and some that only files have.

If two words contradict each other, neither counts.
"""

from __future__ import annotations

import re

from components.sources.words.contrast_agent import mentioned_agent
from components.sources.words.sequences import weighting

# "T1_to_FLAIR", "FLAIR_reg_T1": the moved image comes first, and its target does not matter.
_TARGET = re.compile(
    r"(?<=\w) (to|2|in|onto|into|on|reg|reg2|coreg\w*|registered|warped|aligned)( to| 2| in)? (?=t1|t2|flair|fla\b).*"
)
_T1_FLAIR = re.compile(r"\bt1( \w+)?( \w+)? (flair|dark ?fluid)")
# Short words that may be part of a patient's name, and count only if no sequence is named.
_PERHAPS = re.compile(r"\bt2\b|\b(fa|md|ad|rd|b0|b\d{3,4}|rest|phase|magn\w*|maps?|pd|pet|ct)\b")


def sequence(text: str) -> str | None:
    """Return "flair", "t1", "other", or None if no word says so; `text` comes from `spaced`."""
    if re.search(r"\borbit", text):  # in headers, it may be one of the examination's regions
        return "other"
    text = re.sub(r"^sub\b ?", "", _TARGET.sub("", text))  # "sub" is short for subject
    kind = weighting(text)
    if kind == "t1" and re.search(r"flair|dark ?fluid", text) and not _T1_FLAIR.search(text):
        return None
    if kind in ("t1", "flair"):
        return kind
    if kind == "several":
        return None
    if not kind and re.search(r"\bfl\b", text):  # CaPTk's
        return "flair"
    return "other" if kind or _PERHAPS.search(text) else None


def agent(text: str) -> bool | None:
    """Return whether contrast agent was given; None if no word says so.

    Raises:
        ValueError: the words say both.
    """
    mentioned = mentioned_agent(_TARGET.sub("", text))
    if mentioned == "both" and re.search(r"\bt1( \w+)+ c$", text):  # in a header it could stand for "coronal"
        return True
    if mentioned == "both":
        raise ValueError(text)
    return {"present": True, "absent": False}.get(mentioned)
