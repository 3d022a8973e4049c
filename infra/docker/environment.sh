#!/bin/sh
# The environment of an image, in steps: `make LOCK`, `replace PACKAGE LOCK`, `remove PACKAGE`, `finish`. All from locks, by hash.
set -eu
if [ -e /run/secrets/network ]; then . /run/secrets/network; fi
export PATH="/opt/tools/bin:$PATH" VIRTUAL_ENV=/opt/venv UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never

case $1 in
make)
    uv venv --quiet --python "$(command -v python3)" "$VIRTUAL_ENV"
    # Some packages come as sources only. Without isolation they're built with what is here: pinned by hash, too.
    uv pip install --require-hashes --requirement /build/tools.lock
    uv pip sync --require-hashes --no-build-isolation "$2"
    ;;
replace)
    uv pip uninstall "$2"
    uv pip install --no-deps --require-hashes --requirement "$3"
    ;;
remove)
    uv pip uninstall "$2"
    ;;
finish)
    # The project lies beside the environment, in a layer of its own.
    echo /opt/glioflow > "$(echo "$VIRTUAL_ENV"/lib/python3*/site-packages)/glioflow.pth"
    # Checked by hash or not at all, since times change from build to build. A few files of packages are for other Pythons.
    "$VIRTUAL_ENV/bin/python" -m compileall -q -j 0 --invalidation-mode unchecked-hash "$VIRTUAL_ENV"/lib > /build/compiled.log || true
    python /build/sbom.py "$VIRTUAL_ENV" /usr/local/share/debian.tsv "$VIRTUAL_ENV/sbom.cdx.json"
    chmod -R u=rwX,go=rX "$VIRTUAL_ENV"
    ;;
esac
