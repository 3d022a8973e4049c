"""pip's settings of indexes, certificates and proxies, for uv and npm, which don't read them. Runs on Python 3.8.

A hospital names its index in pip.conf or PIP_INDEX_URL. The settings only go into uv's environment, never into a file.
"""

import ast
import functools
import os
import subprocess
import sys
from pathlib import Path

# Option of pip: uv's variables (newer and older name), and the separator between several values.
VARIABLES = {
    "index-url": (("UV_DEFAULT_INDEX", "UV_INDEX_URL"), " "),
    "extra-index-url": (("UV_INDEX", "UV_EXTRA_INDEX_URL"), " "),
    "find-links": (("UV_FIND_LINKS",), ","),
    "trusted-host": (("UV_INSECURE_HOST",), " "),
    "client-cert": (("SSL_CLIENT_CERT",), " "),
    "proxy": (("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"), " "),
}
OF_THE_INDEX = ("index-url", "extra-index-url", "find-links")
# Debian, Red Hat, SUSE, Alpine.
SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
SECTIONS = ("global.", "install.", ":env:.")  # later ones take precedence


def pip_command():
    """The command of pip, from the base Python: an environment's own, which may be running this, has no pip."""
    base = Path(sys.base_prefix) / "bin" / "python3"
    return [str(base) if base.exists() else sys.executable, "-m", "pip"]


@functools.lru_cache(None)
def read_pip():
    """The settings of `pip install`, as option to words; empty if there is no pip."""
    command = [*pip_command(), "--disable-pip-version-check", "config", "list"]
    output = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    found = {}
    for section in SECTIONS:
        for line in output.splitlines():
            name, _, value = line.partition("=")
            if name.startswith(section):
                found[name[len(section) :]] = str(ast.literal_eval(value)).split()
    return found


def has_uv_file():
    """Tell whether uv has its own settings file here; if so, pip's index is ignored."""
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")  # noqa: PTH111  a missing home is no error
    named = [os.environ.get("UV_CONFIG_FILE"), os.path.join(home, "uv", "uv.toml"), "/etc/uv/uv.toml"]  # noqa: PTH118
    return any(path and Path(path).is_file() for path in named)


def uv_environment(exclude=()):
    """The environment for uv: this process's own, completed by pip's settings, except those in `exclude`."""
    environment, own = dict(os.environ), has_uv_file()
    settings = {option: words for option, words in read_pip().items() if option not in exclude}
    for option, (variables, between) in VARIABLES.items():
        left_to_pip = not (own and option in OF_THE_INDEX) and not any(environment.get(name) for name in variables)
        if option in settings and left_to_pip:
            environment.update(dict.fromkeys(variables, between.join(settings[option])))
    if "extra-index-url" in settings and not own:  # pip takes the best of all its indexes, uv only looks at the first
        environment.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    for seconds in settings.get("default-timeout", []) + settings.get("timeout", []):
        environment.setdefault("UV_HTTP_TIMEOUT", str(round(float(seconds))))
    for bundle in settings.get("cert", []) or own_bundles():
        environment.setdefault("SSL_CERT_DIR" if Path(bundle).is_dir() else "SSL_CERT_FILE", bundle)
    return environment


def own_bundles():
    """Certificates named by the variables that pip reads as well, the first that counts."""
    named = [os.environ.get(name) for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")]
    return [bundle for bundle in named if bundle][:1]


def npm_environment():
    """The environment for npm: that for uv, completed by certificates of the machine, of which Node.js knows none."""
    environment, settings = uv_environment(), read_pip()
    for bundle in [environment.get("SSL_CERT_FILE"), *SYSTEM_BUNDLES]:
        if bundle and Path(bundle).is_file():
            environment.setdefault("NODE_EXTRA_CA_CERTS", bundle)
    for seconds in settings.get("default-timeout", []) + settings.get("timeout", []):
        environment.setdefault("npm_config_fetch_timeout", str(round(1000 * float(seconds))))
    environment.setdefault("npm_config_fetch_retries", "1")  # otherwise it retries for minutes without a network
    return environment


def index_flags():
    """Flags for pip settings that uv has no variable for: to use no index at all."""
    no_index = read_pip().get("no-index", ["no"])[0].lower()
    return ["--no-index"] if no_index in ("1", "true", "yes", "on") and not has_uv_file() else []
