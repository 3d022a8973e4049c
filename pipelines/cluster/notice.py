"""Report to a chat or a pager, by a webhook, how a run on a cluster ended."""

from __future__ import annotations

import json
from typing import Any
from urllib import error, parse, request

from components.common.errors import TransientError, UserError
from components.common.faults import is_transient

SHOWN = 10  # failures named in a notice
SECONDS = 30


def notify(url: str, run: str, status: str, failures: str) -> None:
    """Post `{"text": ...}`, which Slack, Mattermost, Teams and Google Chat take.

    Args:
        url: address of the webhook.
        run: name of the run.
        status: how it ended, in Argo's words: Failed or Error.
        failures: Argo's `workflow.failures`, JSON; it names pods and how they ended, but never holds their logs.

    Raises:
        TransientError: the webhook does not answer.
        UserError: it refuses.
    """
    if parse.urlsplit(url).scheme not in ("http", "https"):
        raise UserError("webhook: its address does not begin with https://; correct the secret glioflow-webhook")
    body = json.dumps({"text": "\n".join([f"glioflow: {run}: {status}", *_lines(failures)])}).encode()
    asked = request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310  checked above
    try:
        with request.urlopen(asked, timeout=SECONDS):  # noqa: S310
            pass
    except OSError as problem:
        if isinstance(problem, error.HTTPError):
            problem.close()
        host = parse.urlsplit(url).hostname  # the rest of the address is a secret
        reason = getattr(problem, "reason", None) or problem
        if is_transient(problem):
            raise TransientError(f"webhook: {host} does not answer ({reason}); this may pass") from problem
        raise UserError(
            f"webhook: {host} refused the notice ({reason}); check the secret glioflow-webhook"
        ) from problem


def _lines(failures: str) -> list[str]:
    """A line per failed pod; Argo gives the JSON as a quoted string."""
    try:
        found: Any = json.loads(failures)
        found = json.loads(found) if isinstance(found, str) else found
    except ValueError:
        return [failures] if failures else []
    pods = [f"{each.get('displayName')}: {each.get('message') or each.get('phase')}" for each in found or []]
    return pods[:SHOWN] + ([f"and {len(pods) - SHOWN} more"] if len(pods) > SHOWN else [])
