#!/usr/bin/env python3
"""Build the images with buildah or Docker, whichever is here: `make images [ONLY="cpu predict"] [BASE=IMAGE]`.

pip's settings of the package index (pip_settings.py) reach the build as secrets, which no layer holds. Standard library
only; runs on Python 3.8.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from environments import ROOT
from pip_settings import OF_THE_INDEX, VARIABLES, uv_environment

# Name of each, its recipe, and the recipe's target.
IMAGES = {
    "cpu": ("glioflow", "infra/docker/Dockerfile", "cpu"),
    "gpu": ("glioflow-gpu", "infra/docker/Dockerfile", "gpu"),
    "predict": ("glioflow-predict", "infra/docker/predict.Dockerfile", None),
    "beam": ("glioflow-beam", "infra/docker/Dockerfile", "beam"),
}
USUAL = ["cpu", "gpu", "predict"]
CERTIFICATES = "/run/secrets/certificates"  # where a build finds them
# pip fetches uv before uv fetches everything else.
FOR_PIP = {
    "UV_DEFAULT_INDEX": "PIP_INDEX_URL",
    "UV_INDEX": "PIP_EXTRA_INDEX_URL",
    "UV_INSECURE_HOST": "PIP_TRUSTED_HOST",
}
USAGE = 'usage: make images [ONLY="{}"] [BASE=IMAGE] [TAG=VERSION]'.format(" ".join(IMAGES))
# The user and password in an address.
SECRET = re.compile(r"(?<=://)[^/@]*@")


def refuse(reason):
    """End with one line and exit status 2."""
    print("infra/images.py: " + reason, file=sys.stderr)
    sys.exit(2)


def builder():
    """The first words of the command that builds: buildah's, or Docker's if its engine answers."""
    if shutil.which("buildah"):
        return ["buildah", "build", "--layers", "--format", "docker", "--network", "host"]
    if shutil.which("docker") and not subprocess.run(["docker", "info"], capture_output=True).returncode:
        return ["docker", "build"]
    return refuse("needs buildah, or Docker with its engine running; apt-get install buildah")


def remote_only(words):
    """The addresses that a build can reach: no folders of this machine."""
    return [word for word in words if "://" in word and not word.startswith("file:")]


def network(environment):
    """What a shell in the build has to set to reach the package index: lines of the secret `network`."""
    found = {}
    for option, (variables, between) in VARIABLES.items():
        for name in variables:
            words = environment.get(name, "").split(between)
            value = between.join(remote_only(words) if option in OF_THE_INDEX else words)
            if value and option != "client-cert":
                found[name] = value
                found[FOR_PIP.get(name, name)] = value.replace(between, " ") if name in FOR_PIP else value
    for name in ("UV_INDEX_STRATEGY", "UV_HTTP_TIMEOUT"):
        if environment.get(name):
            found[name] = environment[name]
    if environment.get("SSL_CERT_FILE"):
        found.update(dict.fromkeys(("SSL_CERT_FILE", "PIP_CERT"), CERTIFICATES))
    return "".join("export {}={}\n".format(name, shlex.quote(value)) for name, value in sorted(found.items()))


def secrets(folder):
    """Flags that pass secrets to a build, as files in `folder`; no layer keeps them."""
    environment = uv_environment()
    (folder / "network").write_text(network(environment))
    certificates = environment.get("SSL_CERT_FILE")
    if not certificates:
        (folder / "certificates").touch()
    return [
        *("--secret", "id=network,src={}".format(folder / "network")),
        *("--secret", "id=certificates,src={}".format(certificates or folder / "certificates")),
    ]


def git(*arguments):
    """Git's output for this project; empty if it is in no repository."""
    return subprocess.run(["git", *arguments], cwd=str(ROOT), stdout=subprocess.PIPE, text=True).stdout.strip()


def version():
    """The project's version."""
    return re.search(r'(?m)^version = "(.+)"$', (ROOT / "pyproject.toml").read_text()).group(1)


def labels(recipe, base):
    """The labels that say where an image comes from."""
    base = base or re.search(r"(?m)^ARG BASE=(\S+)$", (ROOT / recipe).read_text()).group(1)
    changed = git("status", "--porcelain", "--untracked-files=no")
    found = {
        "version": version(),
        "revision": git("rev-parse", "HEAD") + ("-changed" if changed else ""),
        "source": SECRET.sub("", git("config", "remote.origin.url")),
        "created": git("show", "--no-patch", "--format=%cI", "HEAD"),
        "base.name": base.partition("@")[0],
        "base.digest": base.partition("@")[2],
    }
    named = ("org.opencontainers.image.{}={}".format(name, value) for name, value in found.items() if value)
    return [word for label in named for word in ("--label", label)]


def up_to(target, recipe):
    """A recipe's text up to its target, because buildah relabels only the last stage of what it has cached."""
    text = (ROOT / recipe).read_text()
    found = re.search(r"(?ms)^FROM \S+ AS {}$.*?(?=^FROM |\Z)".format(target), text)
    return text[: found.end()] if target else text


def command(name, folder, base=None, tag=None):
    """The command that builds an image."""
    called, recipe, target = IMAGES[name]
    (folder / "Dockerfile").write_text(up_to(target, recipe))
    return [
        *builder(),
        *("--file", str(folder / "Dockerfile")),
        *("--tag", "{}:{}".format(called, tag or version())),
        *(["--build-arg", "BASE=" + base] if base else []),
        *labels(recipe, base),
        *secrets(folder),
        str(ROOT),
    ]


def main():
    """Build the images that the command line names."""
    wanted = sys.argv[1:] or USUAL
    if not set(wanted) <= set(IMAGES):
        refuse(USAGE)
    with tempfile.TemporaryDirectory(prefix="glioflow-images-") as folder:
        for name in wanted:
            build = command(name, Path(folder), os.environ.get("BASE"), os.environ.get("TAG"))
            if subprocess.run(build).returncode:
                refuse("the image {} could not be built, as the lines above say".format(name))


if __name__ == "__main__":
    main()
