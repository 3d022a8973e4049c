"""What Argo does with the end of a pod, by the retry strategy that a template has."""

from __future__ import annotations

from dataclasses import dataclass

from checking import evaluated


@dataclass(frozen=True)
class End:
    """How a pod ended, as Argo's controller tells an expression."""

    status: str  # Argo's phase of the pod: Succeeded, Failed, Error
    code: int  # exit status of the main container, -1 where nobody knows it
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


def again(strategy, ends, attempt=1, hours=0.0):
    """Whether Argo starts a pod again after each of these ends.

    It asks in this order: success, time since the first attempt, policy, number of attempts, expression.

    Args:
        strategy: the template's retryStrategy.
        ends: list of `End`.
        attempt: number of attempts that have been made.
        hours: time since the first of them.
    """
    told = evaluated([(strategy["expression"], end.variables()) for end in ends])
    backoff = strategy["backoff"]
    late = "maxDuration" in backoff and hours * 3600 > seconds(backoff["maxDuration"])
    policy = {"Always": {"Failed", "Error"}, "OnFailure": {"Failed"}, "OnError": {"Error"}}[strategy["retryPolicy"]]
    return [
        end.status in policy and not late and attempt <= int(strategy["limit"]) and wanted
        for end, wanted in zip(ends, told, strict=True)
    ]


def waits(strategy):
    """Seconds before each attempt but the first."""
    backoff = strategy["backoff"]
    longest = seconds(backoff["cap"]) if "cap" in backoff else float("inf")
    first = seconds(backoff["duration"])
    return [min(first * int(backoff["factor"]) ** number, longest) for number in range(int(strategy["limit"]))]


def seconds(text):
    return int(text[:-1]) * {"s": 1, "m": 60, "h": 3600}[text[-1]]
