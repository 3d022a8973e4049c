"""KServe's manifest works with the built image: arguments, user, security context, volumes, memory limit and probes.

KServe itself does not run here; the test does what its controller and a kubelet do, and mounts the model as
`storageUri` would.
"""

from __future__ import annotations

import time

import built_images
import numpy as np
import pytest
import yaml
from conftest import ROOT
from container_pods import Pod
from layered_models import write_layered
from servers import ask, poll_ready, serving, stop_container

from components.common.layout import REGISTERED, SERVING

pytestmark = [pytest.mark.nightly, pytest.mark.xdist_group("images")]

MANIFEST = ROOT / "infra" / "kserve" / "serving-runtime.yaml"


@pytest.fixture(scope="module", autouse=True)
def enough_time(pytestconfig):
    built_images.skip_if_the_run_has_to_end(pytestconfig)


@pytest.fixture
def models(tmp_path):
    """An approved model as in the bucket, which KServe copies to /mnt/models."""
    write_layered(tmp_path / "made")
    (tmp_path / "models").mkdir()
    (tmp_path / "made" / SERVING).rename(tmp_path / "models" / REGISTERED)
    return tmp_path / "models"


def test_the_runtime_serves_both_inference_protocols(models, tmp_path):
    spec = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))["spec"]
    (container,) = spec["containers"]
    del container["ports"]
    live_path, ready_path = (container.pop(f"{kind}Probe")["httpGet"]["path"] for kind in ("liveness", "readiness"))
    arguments = container.pop("args")
    pod = Pod(spec, {"name": "kserve", "container": container}, tmp_path / "volumes", {}, {})
    flags = [*pod.flags(), "--volume", f"{models}:/mnt/models:ro"]
    with serving(built_images.image("predict"), *arguments, flags=flags) as (process, name, address):
        assert ask(f"{address}{live_path}")[0] == 200
        assert poll_ready(address, ready_path)[0] == 200
        assert ask(f"{address}/v2/models/layered/ready")[0] == 200
        (model_input,) = ask(f"{address}/v2/models/layered")[1]["inputs"]
        status, answer = ask(f"{address}/v2/models/layered/infer", {"inputs": [tensor(model_input, slices())]})
        assert (status, answer["model_name"]) == (200, "layered")
        outputs = {one["name"]: np.array(one["data"]).reshape(one["shape"]) for one in answer["outputs"]}
        assert outputs["has_tumor"].tolist() == [False, True]
        rows = ask(f"{address}/v1/models/layered:predict", {"instances": slices().tolist()})[1]["predictions"]
        for output, array in outputs.items():
            np.testing.assert_array_equal(array, [row[output] for row in rows])
        began = stop_container(name)
        assert process.wait() == 0
        built_images.print_now(
            f"KServe's runtime: answered both protocols, ended {time.monotonic() - began:.2f} s after SIGTERM"
        )


def slices():
    """Return two slices; the second has a tumour."""
    pixels = np.random.default_rng(3).integers(60, 80, (2, 40, 48, 3), dtype=np.uint8)
    pixels[1, 10:24, 12:30, 1] = 200
    return pixels


def tensor(model_input, slices):
    """Return these slices in the form of the input that the model describes."""
    return {
        "name": model_input["name"],
        "datatype": model_input["datatype"],
        "shape": list(slices.shape),
        "data": slices.ravel().tolist(),
    }
