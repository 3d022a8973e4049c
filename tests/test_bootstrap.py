"""infra/bootstrap.py really sets up an environment, from a lock with one tiny package and an index on loopback."""

from __future__ import annotations

import hashlib
import http.server
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import ROOT

NEEDED = [
    *(f"infra/{name}.py" for name in ("bootstrap", "environments", "interpreters", "pip_settings")),
    *("pipelines/__init__.py", "pipelines/stack.py"),
]
LOCK = "infra/predict/requirements.lock"
WHEEL = "tinier-1.0-py3-none-any.whl"
# A project as tiny as that package; its build backend is part of it.
PROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "project"
version = "1.0"
"""
BACKEND = """\
import pathlib, zipfile

def build_editable(folder, *_):
    name = "project-1.0-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(folder, name), "w") as wheel:
        wheel.writestr("project.pth", str(pathlib.Path.cwd()) + "\\n")
        about = {
            "METADATA": "Metadata-Version: 2.1\\nName: project\\nVersion: 1.0\\n",
            "WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
            "RECORD": "",
        }
        for file, text in about.items():
            wheel.writestr("project-1.0.dist-info/" + file, text)
    return name
"""
UV = shutil.which("uv", path=f"{ROOT / '.tools' / 'bin'}:{os.environ['PATH']}")


@pytest.fixture(scope="module", autouse=True)
def uv():
    if UV is None:
        pytest.skip("no uv here: it was found elsewhere when the environment was set up")


@pytest.fixture
def index(tmp_path):
    """A package index with a single package: its address, the paths requested from it, and the wheel."""
    folder = tmp_path / "index" / "simple" / "tinier"
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / WHEEL, "w") as wheel:
        wheel.writestr("tinier.py", "WORD = 'tiny'\n")
        wheel.writestr("tinier-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tinier\nVersion: 1.0\n")
        wheel.writestr("tinier-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("tinier-1.0.dist-info/RECORD", "")
    (folder / "index.html").write_text(f'<a href="{WHEEL}">{WHEEL}</a>', encoding="utf-8")
    recorded = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            recorded.append(self.path)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder.parents[1])) as server:
        threading.Thread(target=server.serve_forever).start()
        address = f"http://127.0.0.1:{server.server_port}/simple"
        yield SimpleNamespace(address=address, recorded=recorded, wheel=folder / WHEEL)
        server.shutdown()


@pytest.fixture
def project(tmp_path, index):
    folder = tmp_path / "a project"  # with a blank, as in many people's paths
    for name in NEEDED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    (folder / LOCK).parent.mkdir(parents=True)
    digest = hashlib.sha256(index.wheel.read_bytes()).hexdigest()
    (folder / LOCK).write_text(f"tinier==1.0 --hash=sha256:{digest}\n", encoding="utf-8")
    (folder / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    (folder / "backend.py").write_text(BACKEND, encoding="utf-8")
    return folder


def run_setup(project, **variables):
    """Run `make predict-setup`, isolated from this machine's settings except its Pythons; return status and output."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(("PIP_", "UV_", "HTTP"))}
    home = project.parent / "home"
    home.mkdir(exist_ok=True)
    own = {"HOME": str(home), "XDG_CONFIG_HOME": str(home), "PIP_CONFIG_FILE": os.devnull, "no_proxy": "127.0.0.1"}
    cache = {"UV_CACHE_DIR": str(project.parent / "cache"), "UV_PYTHON_DOWNLOADS": "never"}
    environment = kept | own | cache | {"PATH": f"{Path(UV).parent}:{os.environ['PATH']}"} | variables
    python = Path(
        sys.base_prefix, "bin", "python3"
    )  # the machine's own, because that of an environment brings its programs along
    run = subprocess.run(
        [python, "infra/bootstrap.py", "predict"], cwd=project, env=environment, capture_output=True, text=True
    )
    return run.returncode, run.stdout + run.stderr


def imported_word(project):
    """Return what the environment's own Python imports from it."""
    code = "import sys, tinier; print(tinier.WORD, sys.prefix)"
    return subprocess.run(
        [project / ".venv-predict" / "bin" / "python", "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_uv_uses_the_index_of_pips_environment_variable(project, index):
    status, content = run_setup(project, PIP_INDEX_URL=index.address)
    assert status == 0, content
    assert imported_word(project) == f"tiny {project / '.venv-predict'}"
    assert any(WHEEL in path for path in index.recorded)
    written = [path for path in project.rglob("*") if path.is_file() and not path.is_symlink()]
    assert not [path for path in written if index.address.encode() in path.read_bytes()]
    assert run_setup(project) == (0, "")  # it is already set up


@pytest.mark.parametrize(
    "content",
    [
        "[global]\nindex-url = {address}\n",
        "[global]\nindex-url = http://127.0.0.1:9/simple\n[install]\nindex-url = {address}\n",
        "[global]\nno-index = true\nfind-links = {folder}\n",
    ],
)
def test_uv_uses_the_index_of_pips_configuration_file(project, index, tmp_path, content):
    (tmp_path / "pip.conf").write_text(
        content.format(address=index.address, folder=index.wheel.parent), encoding="utf-8"
    )
    status, printed = run_setup(project, PIP_CONFIG_FILE=str(tmp_path / "pip.conf"))
    assert status == 0, printed
    assert imported_word(project).startswith("tiny ")


def test_uvs_own_settings_override_those_of_pip(project, index):
    status, content = run_setup(project, PIP_INDEX_URL="http://127.0.0.1:9/simple", UV_DEFAULT_INDEX=index.address)
    assert status == 0, content
    (project.parent / "home" / "uv").mkdir()
    (project.parent / "home" / "uv" / "uv.toml").write_text(f'index-url = "{index.address}"\n', encoding="utf-8")
    shutil.rmtree(project / ".venv-predict")
    status, content = run_setup(project, PIP_INDEX_URL="http://127.0.0.1:9/simple")
    assert status == 0, content


def test_a_copied_or_moved_project_gets_an_environment_of_its_own(project, index):
    assert run_setup(project, PIP_INDEX_URL=index.address)[0] == 0
    copy, moved = project.with_name("copy"), project.with_name("moved")
    shutil.copytree(project, copy, symlinks=True)
    status, content = run_setup(copy, PIP_INDEX_URL=index.address)
    assert status == 0, content
    assert content.splitlines()[0] == (
        f".venv-predict has to be rebuilt: it was made as {project}/.venv-predict, and this project is a copy, or "
        "was moved"
    )
    assert (imported_word(project), imported_word(copy)) == (
        f"tiny {project}/.venv-predict",
        f"tiny {copy}/.venv-predict",
    )
    project.rename(moved)
    status, content = run_setup(moved, PIP_INDEX_URL=index.address)
    assert status == 0, content
    assert imported_word(moved) == f"tiny {moved}/.venv-predict"


def test_a_link_to_another_projects_environment_is_replaced(project, index):
    assert run_setup(project, PIP_INDEX_URL=index.address)[0] == 0
    copy = project.with_name("copy")
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns(".venv*"))
    (copy / ".venv-predict").symlink_to(project / ".venv-predict")
    assert run_setup(copy, PIP_INDEX_URL=index.address)[0] == 0
    assert (imported_word(project), imported_word(copy)) == (
        f"tiny {project}/.venv-predict",
        f"tiny {copy}/.venv-predict",
    )
    assert run_setup(project) == (0, "")


def test_without_a_suitable_python_the_remedy_is_named(project):
    status, content = run_setup(project, PATH=str(Path(UV).parent), UV_PYTHON_INSTALL_DIR=str(project.parent / "none"))
    assert status == 1
    last = content.splitlines()[-1]
    assert last.startswith("infra/bootstrap.py: no Python 3.10 or 3.11 or 3.12 or 3.13 on the PATH")
    assert "install one of them" in last


def test_dvc_finds_the_programs_of_its_environment_without_activation(tmp_path, monkeypatch):
    """`.venv/bin/dvc repro` needs this, because stages call `glioflow`."""
    monkeypatch.syspath_prepend(str(ROOT / "infra"))
    from bootstrap import let_programs_be_found

    venv = tmp_path / "an environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    (venv / "bin" / "glioflow").write_text("#!/bin/sh\necho found\n")
    (venv / "bin" / "glioflow").chmod(0o755)
    code = "import os, subprocess; subprocess.run('glioflow', shell=True); print(os.environ['PATH'])"
    dvc = [venv / "bin" / "python", "-c", code]
    assert "found" not in subprocess.run(dvc, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True).stdout
    let_programs_be_found(venv)
    for path, expected_path in (
        ("/usr/bin:/bin", f"{venv}/bin:/usr/bin:/bin"),
        (f"/bin:{venv}/bin", f"/bin:{venv}/bin"),
    ):
        result = subprocess.run(dvc, env={"PATH": path}, capture_output=True, text=True)
        assert result.stdout.splitlines() == ["found", expected_path], result.stderr
    result = subprocess.run(dvc, env={}, capture_output=True, text=True)
    assert result.stdout.startswith(f"found\n{venv}/bin:")


NPM = """\
#!/bin/sh
env >asked
exit "$STATUS"
"""


@pytest.mark.parametrize("status", [0, 1])
def test_npm_uses_the_proxy_and_certificate_settings_of_pip(project, status):
    bundle = project.parent / "hospital.pem"
    bundle.touch()
    (project / "infra" / "checks").mkdir()
    for name in ("package.json", "package-lock.json"):
        (project / "infra" / "checks" / name).touch()
    npm = project / ".venv-checks" / "bin" / "npm"
    npm.parent.mkdir(parents=True)
    npm.write_text(NPM, encoding="utf-8")
    npm.chmod(0o755)
    code = (
        "import sys; sys.path.insert(0, 'infra'); import bootstrap; "
        "bootstrap.add_node_packages(bootstrap.chosen(['checks']))"
    )
    content = {"PIP_CERT": str(bundle), "PIP_PROXY": "http://proxy:3128", "PIP_TIMEOUT": "7", "STATUS": str(status)}
    settings = {"PATH": "/usr/bin:/bin", "HOME": str(project.parent), "PIP_CONFIG_FILE": os.devnull, **content}
    result = subprocess.run([sys.executable, "-c", code], cwd=project, env=settings, capture_output=True, text=True)
    assert result.returncode == status, result.stderr
    recorded = (project / ".venv-checks" / "asked").read_text(encoding="utf-8").splitlines()
    assert {
        f"NODE_EXTRA_CA_CERTS={bundle}",
        "HTTPS_PROXY=http://proxy:3128",
        "npm_config_fetch_timeout=7000",
        "npm_config_fetch_retries=1",
    } <= set(recorded)
    assert ("name a registry, proxy or certificate within reach in ~/.npmrc" in result.stderr) == bool(status)
