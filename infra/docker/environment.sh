#!/bin/sh
# The environment of an image, in steps: `make LOCK`, `replace PACKAGE LOCK`, `remove PACKAGE`, `finish`.
set -eu
if [ -e /run/secrets/network ]; then . /run/secrets/network; fi
base=$(command -v python3)
export PATH="/opt/tools/bin:$PATH" VIRTUAL_ENV=/opt/venv UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_CACHE_DIR=/var/cache/uv

case $1 in
make)
    uv venv --quiet --python "$base" "$VIRTUAL_ENV"
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
    # What only compilers read, 350 MB: headers, and a library for reading C++.
    for unused in tensorflow/include pyarrow/include clang/native; do
        rm -rf "$VIRTUAL_ENV"/lib/python3*/site-packages/$unused
    done
    # The project lies beside the environment, in a layer of its own.
    echo /opt/glioflow > "$(echo "$VIRTUAL_ENV"/lib/python3*/site-packages)/glioflow.pth"
    # Never compared with its source, whose time changes from build to build. What has run by now is compiled by time
    # already, so all is compiled anew (-f). Some files are for other Pythons and fail.
    "$VIRTUAL_ENV/bin/python" -W ignore -m compileall -q -f -j 0 --invalidation-mode unchecked-hash "$VIRTUAL_ENV"/lib \
        > /build/not-compiled.log || true
    test -n "$(find "$VIRTUAL_ENV/lib" -name '*.pyc' -print -quit)"
    python /build/sbom.py "$VIRTUAL_ENV" /usr/share/debian.tsv "$VIRTUAL_ENV/sbom.cdx.json"
    find "$VIRTUAL_ENV" ! -type l ! -perm -o=r -exec chmod go+rX {} +
    ;;
esac
