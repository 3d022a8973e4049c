"""What the last push came to, in words."""

from __future__ import annotations

from components.common.files import read_json
from pipelines.paths import PUSHED


def pushed_in_words() -> str:
    """What the last push came to."""
    pushed = read_json(PUSHED)
    if not pushed["pushed"]:
        return "nothing pushed: the model is not blessed"
    if pushed["version"] is None:
        return "registry/layered, without a version: no Git commit here yet; make one, then `dvc repro -sf push`"
    return f"{pushed['version']}: see `glioflow models`"
