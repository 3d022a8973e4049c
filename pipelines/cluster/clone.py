"""How a pod gets its code: the shell lines that clone the repository, and Git's credentials."""

from __future__ import annotations

from components.common.faults import EX_TEMPFAIL
from components.registry.git import REFUSED, UNREACHABLE

SECRETS = "/secrets/git"
# A missing token is not an error: the repository may be public, or the version kept local. Only `get`, because Git's
# own helper would try to record in the secret, which is read-only, that a token was accepted.
HELPER = f'!f() {{ test "$1" != get || git credential-store --file={SECRETS}/credentials get; }}; f'
CREDENTIALS = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "credential.helper", "GIT_CONFIG_VALUE_0": HELPER}
# The image provides the packages; the code is the commit's, because that is what DVC hashes. A revision is looked up
# by its full names, because Git would take the short one for a folder or an option of that name.
SCRIPT = f"""\
export LC_ALL=C GIT_TERMINAL_PROMPT=0
if ! git clone --quiet --no-checkout -- "$REPOSITORY" glioflow 2>clone.log; then
  cat clone.log >&2
  if grep -qE '{UNREACHABLE}' clone.log && ! grep -qE '{REFUSED}' clone.log; then
    exit {EX_TEMPFAIL}
  fi
  exit 2
fi
cd glioflow
commit=
for name in "refs/remotes/origin/$REVISION" "refs/tags/$REVISION" "$REVISION"; do
  case "$name" in -*) continue ;; esac
  commit=$(git rev-parse --quiet --verify "$name^{{commit}}") && break
done
if [ -z "$commit" ]; then
  echo "revision: $REVISION: no branch, tag or commit of $REPOSITORY; correct it" >&2
  exit 2
fi
git checkout --quiet --detach "$commit"
export PYTHONPATH="$PWD"
"""
