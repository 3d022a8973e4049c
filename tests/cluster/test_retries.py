"""Argo retries a pod only after transient failures, according to the compiled expression."""

from __future__ import annotations

import re

import pytest
import yaml
from argo_retries import PodEnd, is_retried, wait_seconds
from conftest import ROOT

from components.common.faults import EX_TEMPFAIL

PAGE = ROOT / "docs" / "how-to" / "clusters.md"
# How Argo's controller describes a pod's end: its main container's reason and exit status, or the kubelet's message;
# and whether the pod should be retried.
ENDS = {
    "success": (PodEnd("Succeeded", 0, ""), False),
    "a bug, with a traceback": (PodEnd("Failed", 1, "main: Error (exit code 1)"), False),
    "refused by glioflow, or a stage failed": (PodEnd("Failed", 2, "main: Error (exit code 2)"), False),
    "a server was away": (PodEnd("Failed", EX_TEMPFAIL, "main: Error (exit code 75)"), True),
    "Git failed in the clone": (PodEnd("Failed", 128, "main: Error (exit code 128)"), False),
    "killed (SIGKILL)": (PodEnd("Failed", 137, "main: Error (exit code 137)"), True),
    "stopped (SIGTERM): a node taken away": (PodEnd("Failed", 143, "main: Error (exit code 143)"), True),
    "out of memory": (PodEnd("Failed", 137, "main: OOMKilled (exit code 137)"), False),
    "evicted: its node is short of something": (
        PodEnd("Failed", -1, "The node was low on resource: memory. Threshold quantity: 100Mi, available: 96Mi. "),
        True,
    ),
    "refused by a node": (PodEnd("Failed", -1, "Pod was rejected: The node had condition: [DiskPressure]. "), True),
    "evicted: its disk space is full": (
        PodEnd("Failed", -1, 'Usage of EmptyDir volume "workspace" exceeds the limit "20Gi". '),
        False,
    ),
    "node gone, or pod deleted": (PodEnd("Error", -1, "pod deleted"), True),
    "Argo's own container failed": (PodEnd("Error", 0, "wait: Error (exit code 64): failed to save logs"), True),
}
POD_DISK_FULL = (
    "Pod ephemeral local storage usage exceeds the total limit of containers 20Gi. ",
    'Container main exceeded its local ephemeral storage limit "20Gi". ',
)
NODE_FULL = (
    "The node was low on resource: memory. Container main was using 9Gi, which exceeds its request of 8Gi. ",
    "The node was low on resource: ephemeral-storage. Container main was using 9Gi, request is 4Gi, has larger "
    "consumption of ephemeral-storage. ",
)


@pytest.fixture(scope="module")
def strategies():
    template = yaml.safe_load((ROOT / "infra" / "argo" / "workflow-template.yaml").read_text(encoding="utf-8"))
    return [each["retryStrategy"] for each in template["spec"]["templates"] if "container" in each]


def test_every_pod_has_the_same_retry_strategy(strategies):
    assert all(each == strategies[0] for each in strategies)


def test_only_transient_failures_are_retried(strategies):
    ends = [end for end, _ in ENDS.values()]
    assert dict(zip(ENDS, is_retried(strategies[0], ends), strict=True)) == {
        name: retried for name, (_, retried) in ENDS.items()
    }


def test_a_pod_on_a_full_node_is_retried_and_one_with_a_full_disk_is_not(strategies):
    for code in (-1, 137):
        assert is_retried(strategies[0], [PodEnd("Failed", code, each) for each in POD_DISK_FULL]) == [False] * len(
            POD_DISK_FULL
        )
        assert is_retried(strategies[0], [PodEnd("Failed", code, each) for each in NODE_FULL]) == [True] * len(
            NODE_FULL
        )


def test_a_long_training_is_retried_but_only_up_to_the_limit(strategies):
    node_taken = ENDS["stopped (SIGTERM): a node taken away"][0]
    assert is_retried(strategies[0], [node_taken], hours=72) == [True]
    assert is_retried(strategies[0], [node_taken], attempt=int(strategies[0]["limit"])) == [True]
    assert is_retried(strategies[0], [node_taken], attempt=int(strategies[0]["limit"]) + 1) == [False]


def test_all_waits_together_last_hours_and_each_one_only_minutes(strategies):
    assert max(wait_seconds(strategies[0])) <= 900
    assert 3600 < sum(wait_seconds(strategies[0])) < 6 * 3600


def test_the_docs_page_has_the_same_table():
    rows = re.findall(r"(?m)^\| (.+?) \| (\w+), (-?\d+)[^|]* \| (.+?) \|$", PAGE.read_text(encoding="utf-8"))
    documented = {name: (status, int(code), retried.startswith("again")) for name, status, code, retried in rows}
    assert documented == {name: (end.status, end.code, retried) for name, (end, retried) in ENDS.items()}


def test_a_strategy_with_a_maximum_duration_gives_up(strategies):
    old = strategies[0] | {"backoff": {"duration": "1m", "factor": 2, "maxDuration": "1h"}}
    assert is_retried(old, [ENDS["killed (SIGKILL)"][0]], hours=2) == [False]
