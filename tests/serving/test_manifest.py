"""The manifest for clusters against the classes that KServe and Kubernetes generate from their own specifications."""

from __future__ import annotations

import json
import subprocess

import pytest
import yaml
from conftest import ROOT

PYTHON = ROOT / ".venv-serving" / "bin" / "python"
# Names of the fields that no class knows; runs where KServe is.
UNKNOWN = """
import json, sys
import kserve, kubernetes.client


def unknown(tree, kind, place):
    known = getattr(kserve, kind, None) or getattr(kubernetes.client, kind, None)
    if known is None or not isinstance(tree, dict):  # a string, a number, a mapping of the user's own
        return
    types = {known.attribute_map[name]: of for name, of in known.openapi_types.items()}
    for key, value in tree.items():
        if key in types:
            yield from unknown(value, types[key], f"{place}.{key}")
        else:
            yield f"{place}.{key}"


print(json.dumps(list(unknown(json.load(sys.stdin), "V1beta1InferenceService", ""))))
"""

pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="the server's environment is not here: make serve-setup")


def manifest():
    return yaml.safe_load((ROOT / "infra" / "kserve" / "inference-service.yaml").read_text(encoding="utf-8"))


def unknown(tree):
    result = subprocess.run([PYTHON, "-c", UNKNOWN], input=json.dumps(tree), capture_output=True, text=True, check=True)
    return json.loads(result.stdout)


def test_kserve_knows_every_field():
    assert unknown(manifest()) == []


def test_fields_that_kserve_does_not_know_are_seen():
    broken = manifest()
    model = broken["spec"]["predictor"]["model"]
    model["storageURL"] = model.pop("storageUri")
    model["resources"]["limit"] = model["resources"].pop("limits")
    broken["spec"]["replicas"] = 1
    assert sorted(unknown(broken)) == [
        ".spec.predictor.model.resources.limit",
        ".spec.predictor.model.storageURL",
        ".spec.replicas",
    ]
