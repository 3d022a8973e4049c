"""What pip is told of indexes, certificates and proxies, for uv, which doesn't read it. Runs on Python 3.8.

A hospital's index stands in pip.conf or PIP_INDEX_URL. What is found goes into uv's environment alone, never into a
file.
"""

import ast
import functools
import os
import subprocess
import sys
from pathlib import Path

# Option of pip: uv's variables, newer and older name, and what stands between several values.
VARIABLES = {
    "index-url": (("UV_DEFAULT_INDEX", "UV_INDEX_URL"), " "),
    "extra-index-url": (("UV_INDEX", "UV_EXTRA_INDEX_URL"), " "),
    "find-links": (("UV_FIND_LINKS",), ","),
    "trusted-host": (("UV_INSECURE_HOST",), " "),
    "client-cert": (("SSL_CLIENT_CERT",), " "),
    "proxy": (("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"), " "),
}
OF_THE_INDEX = ("index-url", "extra-index-url", "find-links")
SECTIONS = ("global.", "install.", ":env:.")  # the later, the more it counts


def pip_command():
    """The command of pip, of the base Python: an environment's own, which may be running this, has none."""
    base = Path(sys.base_prefix) / "bin" / "python3"
    return [str(base) if base.exists() else sys.executable, "-m", "pip"]


@functools.lru_cache(None)
def read_pip():
    """What pip goes by when it installs: option to words; empty where there is no pip."""
    command = [*pip_command(), "--disable-pip-version-check", "config", "list"]
    told = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    found = {}
    for section in SECTIONS:
        for line in told.splitlines():
            name, _, value = line.partition("=")
            if name.startswith(section):
                found[name[len(section) :]] = str(ast.literal_eval(value)).split()
    return found


def has_uv_file():
    """Tell whether uv has a file of settings of its own here: who wrote it has not left the index to pip's."""
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")  # noqa: PTH111  a missing home is no error
    named = [os.environ.get("UV_CONFIG_FILE"), os.path.join(home, "uv", "uv.toml"), "/etc/uv/uv.toml"]  # noqa: PTH118
    return any(path and Path(path).is_file() for path in named)


def uv_environment():
    """The environment for uv: this process' own, and where that is silent, what pip is told."""
    environment, settings, own = dict(os.environ), read_pip(), has_uv_file()
    for option, (variables, between) in VARIABLES.items():
        left_to_pip = not (own and option in OF_THE_INDEX) and not any(environment.get(name) for name in variables)
        if option in settings and left_to_pip:
            environment.update(dict.fromkeys(variables, between.join(settings[option])))
    for seconds in settings.get("default-timeout", []) + settings.get("timeout", []):
        environment.setdefault("UV_HTTP_TIMEOUT", str(round(float(seconds))))
    for bundle in settings.get("cert", []):
        environment.setdefault("SSL_CERT_DIR" if Path(bundle).is_dir() else "SSL_CERT_FILE", bundle)
    return environment


def index_flags():
    """Flags of uv that no variable stands for: to ask no index at all."""
    told = read_pip().get("no-index", ["no"])[0].lower()
    return ["--no-index"] if told in ("1", "true", "yes", "on") and not has_uv_file() else []
