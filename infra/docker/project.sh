#!/bin/sh
# The project as an image has it, in /opt/project: packages, metadata, the command; its environment is /opt/venv.
set -eu
export PATH="/opt/tools/bin:$PATH" UV_PYTHON_DOWNLOADS=never
# setuptools, the build backend, is one of the tools.
uv build --quiet --offline --wheel --no-build-isolation --python /opt/tools/bin/python --out-dir /build/dist /build/glioflow
uv pip install --quiet --offline --no-deps --python /opt/venv/bin/python --target /opt/project /build/dist/*.whl
rm -f /opt/project/.lock
if [ -d /build/beside ]; then cp /build/beside/* /opt/project/; fi
# Checked: somebody may mount changed code over a part of it.
/opt/venv/bin/python -m compileall -q --invalidation-mode checked-hash /opt/project
chmod -R u=rwX,go=rX /opt/project
