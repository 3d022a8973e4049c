"""KServe's manifest, by the built image: its arguments, user, security context, volumes, memory limit and probes.

No KServe runs here; the test does what its controller and a kubelet do, and puts the model where `storageUri` would.
"""

from __future__ import annotations

import time

import built
import numpy as np
import pytest
import yaml
from conftest import ROOT
from layered_models import write_layered
from pods import Pod
from servers import answered, ready, serving, stopped

from components.common.layout import REGISTERED, SERVING

pytestmark = [pytest.mark.nightly, pytest.mark.xdist_group("images")]

MANIFEST = ROOT / "infra" / "kserve" / "serving-runtime.yaml"


@pytest.fixture(scope="module", autouse=True)
def time_for_it(pytestconfig):
    built.skip_if_the_run_has_to_end(pytestconfig)


@pytest.fixture
def models(tmp_path):
    """A bucket's folder of an approved model, as KServe lays it into /mnt/models."""
    write_layered(tmp_path / "made")
    (tmp_path / "models").mkdir()
    (tmp_path / "made" / SERVING).rename(tmp_path / "models" / REGISTERED)
    return tmp_path / "models"


def test_the_runtime_serves_the_open_inference_protocol(models, tmp_path):
    spec = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))["spec"]
    (container,) = spec["containers"]
    del container["ports"]
    live, at = (container.pop(f"{kind}Probe")["httpGet"]["path"] for kind in ("liveness", "readiness"))
    arguments = container.pop("args")
    pod = Pod(spec, {"name": "kserve", "container": container}, tmp_path / "volumes", {}, {})
    flags = [*pod.flags(), "--volume", f"{models}:/mnt/models:ro"]
    with serving(built.image("predict"), *arguments, flags=flags) as (process, name, address):
        assert answered(f"{address}{live}")[0] == 200
        assert ready(address, at)[0] == 200
        assert answered(f"{address}/v2/models/layered/ready")[0] == 200
        (given,) = answered(f"{address}/v2/models/layered")[1]["inputs"]
        status, found = answered(f"{address}/v2/models/layered/infer", {"inputs": [tensor(given, slices())]})
        assert (status, found["model_name"]) == (200, "layered")
        outputs = {one["name"]: np.array(one["data"]).reshape(one["shape"]) for one in found["outputs"]}
        assert outputs["has_tumor"].tolist() == [False, True]
        rows = answered(f"{address}/v1/models/layered:predict", {"instances": slices().tolist()})[1]["predictions"]
        for output, array in outputs.items():
            np.testing.assert_array_equal(array, [row[output] for row in rows])
        began = stopped(name)
        assert process.wait() == 0
        built.said(f"KServe's runtime: answered both protocols, ended {time.monotonic() - began:.2f} s after SIGTERM")


def slices():
    """Two slices; the second has a tumour."""
    made = np.random.default_rng(3).integers(60, 80, (2, 40, 48, 3), dtype=np.uint8)
    made[1, 10:24, 12:30, 1] = 200
    return made


def tensor(given, slices):
    """The input that the model says it takes, with these slices in it."""
    return {
        "name": given["name"],
        "datatype": given["datatype"],
        "shape": list(slices.shape),
        "data": slices.ravel().tolist(),
    }
