"""Which ends of a pod Argo tries again after, by the compiled expression itself."""

from __future__ import annotations

import re

import pytest
import yaml
from argo_retries import End, again, waits
from conftest import ROOT

from components.common.faults import PASSING

PAGE = ROOT / "docs" / "how-to" / "clusters.md"
# What Argo's controller tells of a pod: its main container's reason and exit status, or the kubelet's message.
ENDS = {
    "success": (End("Succeeded", 0, ""), False),
    "a bug, with a traceback": (End("Failed", 1, "main: Error (exit code 1)"), False),
    "refused by glioflow, or a stage failed": (End("Failed", 2, "main: Error (exit code 2)"), False),
    "a server was away": (End("Failed", PASSING, "main: Error (exit code 75)"), True),
    "Git failed in the clone": (End("Failed", 128, "main: Error (exit code 128)"), False),
    "killed (SIGKILL)": (End("Failed", 137, "main: Error (exit code 137)"), True),
    "stopped (SIGTERM): a node taken away": (End("Failed", 143, "main: Error (exit code 143)"), True),
    "out of memory": (End("Failed", 137, "main: OOMKilled (exit code 137)"), False),
    "evicted: its node is short of something": (
        End("Failed", -1, "The node was low on resource: memory. Threshold quantity: 100Mi, available: 96Mi. "),
        True,
    ),
    "refused by a node": (End("Failed", -1, "Pod was rejected: The node had condition: [DiskPressure]. "), True),
    "evicted: its disk space is full": (
        End("Failed", -1, 'Usage of EmptyDir volume "workspace" exceeds the limit "20Gi". '),
        False,
    ),
    "node gone, or pod deleted": (End("Error", -1, "pod deleted"), True),
    "Argo's own container failed": (End("Error", 0, "wait: Error (exit code 64): failed to save logs"), True),
}
FULL = (
    "Pod ephemeral local storage usage exceeds the total limit of containers 20Gi. ",
    'Container main exceeded its local ephemeral storage limit "20Gi". ',
)
SHORT = (
    "The node was low on resource: memory. Container main was using 9Gi, which exceeds its request of 8Gi. ",
    "The node was low on resource: ephemeral-storage. Container main was using 9Gi, request is 4Gi, has larger "
    "consumption of ephemeral-storage. ",
)


@pytest.fixture(scope="module")
def strategies():
    template = yaml.safe_load((ROOT / "infra" / "argo" / "workflow-template.yaml").read_text(encoding="utf-8"))
    return [each["retryStrategy"] for each in template["spec"]["templates"] if "container" in each]


def test_every_pod_has_the_same_strategy(strategies):
    assert all(each == strategies[0] for each in strategies)


def test_ends_that_may_pass_are_tried_again_and_no_others(strategies):
    ends = [end for end, _ in ENDS.values()]
    assert dict(zip(ENDS, again(strategies[0], ends), strict=True)) == {name: what for name, (_, what) in ENDS.items()}


def test_a_pod_that_fills_its_own_disk_is_not_tried_again_and_one_of_a_full_node_is(strategies):
    for code in (-1, 137):
        assert again(strategies[0], [End("Failed", code, each) for each in FULL]) == [False] * len(FULL)
        assert again(strategies[0], [End("Failed", code, each) for each in SHORT]) == [True] * len(SHORT)


def test_a_training_of_days_is_tried_again_and_nothing_for_ever(strategies):
    taken = ENDS["stopped (SIGTERM): a node taken away"][0]
    assert again(strategies[0], [taken], hours=72) == [True]
    assert again(strategies[0], [taken], attempt=int(strategies[0]["limit"])) == [True]
    assert again(strategies[0], [taken], attempt=int(strategies[0]["limit"]) + 1) == [False]


def test_the_waits_last_a_few_hours_and_no_single_one_does(strategies):
    assert max(waits(strategies[0])) <= 900
    assert 3600 < sum(waits(strategies[0])) < 6 * 3600


def test_the_page_has_this_table():
    rows = re.findall(r"(?m)^\| (.+?) \| (\w+), (-?\d+)[^|]* \| (.+?) \|$", PAGE.read_text(encoding="utf-8"))
    told = {name: (status, int(code), what.startswith("again")) for name, status, code, what in rows}
    assert told == {name: (end.status, end.code, what) for name, (end, what) in ENDS.items()}


def test_a_strategy_that_gives_up_is_seen(strategies):
    old = strategies[0] | {"backoff": {"duration": "1m", "factor": 2, "maxDuration": "1h"}}
    assert again(old, [ENDS["killed (SIGKILL)"][0]], hours=2) == [False]
