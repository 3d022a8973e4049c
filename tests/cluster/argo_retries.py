"""What Argo does after a pod has ended, according to the retry strategy of a template."""

from __future__ import annotations

from dataclasses import dataclass

from validators import evaluate_cel


@dataclass(frozen=True)
class PodEnd:
    """How a pod ended, as Argo's controller passes it to an expression."""

    status: str  # Argo's phase of the pod: Succeeded, Failed, Error
    code: int  # exit status of the main container, -1 if unknown
    message: str

    def variables(self):
        return {
            "lastRetry": {
                "status": self.status,
                "exitCode": str(self.code),
                "message": self.message,
                "duration": "60",
            }
        }


def is_retried(strategy, ends, attempt=1, hours=0.0):
    """Return whether Argo starts a pod again, for each way it may have ended.

    Argo checks in this order: success, time since the first attempt, policy, number of attempts, expression.

    Args:
        strategy: the template's retryStrategy.
        ends: list of `PodEnd`.
        attempt: number of attempts made so far.
        hours: time since the first attempt.
    """
    results = evaluate_cel([(strategy["expression"], end.variables()) for end in ends])
    backoff = strategy["backoff"]
    late = "maxDuration" in backoff and hours * 3600 > seconds(backoff["maxDuration"])
    policy = {"Always": {"Failed", "Error"}, "OnFailure": {"Failed"}, "OnError": {"Error"}}[strategy["retryPolicy"]]
    return [
        end.status in policy and not late and attempt <= int(strategy["limit"]) and wanted
        for end, wanted in zip(ends, results, strict=True)
    ]


def wait_seconds(strategy):
    """Return the seconds of waiting before each attempt after the first."""
    backoff = strategy["backoff"]
    longest = seconds(backoff["cap"]) if "cap" in backoff else float("inf")
    first = seconds(backoff["duration"])
    return [min(first * int(backoff["factor"]) ** number, longest) for number in range(int(strategy["limit"]))]


def seconds(text):
    return int(text[:-1]) * {"s": 1, "m": 60, "h": 3600}[text[-1]]
