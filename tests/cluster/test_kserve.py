"""KServe's manifests match each other, are valid for Kubernetes, and give the server arguments that it accepts."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace

import pytest
import yaml
from conftest import ROOT
from validators import kubernetes_complaints

from pipelines.verbs.serve import serve

FOLDER = ROOT / "infra" / "kserve"
# Fields used here that KServe's kinds have in addition to those of a pod.
PREDICTOR = {"minReplicas": int, "maxReplicas": int, "timeout": int, "containerConcurrency": int, "model": dict}
MODEL = {"modelFormat": dict, "runtime": str, "protocolVersion": str, "storageUri": str}
RUNTIME = {"supportedModelFormats": list, "protocolVersions": list, "multiModel": bool}


def read(name):
    return list(yaml.safe_load_all((FOLDER / name).read_text(encoding="utf-8")))


def service():
    """Return the service's predictor as a pod, and its KServe fields."""
    (manifest,) = read("inference-service.yaml")
    assert (manifest["apiVersion"], manifest["kind"]) == ("serving.kserve.io/v1beta1", "InferenceService")
    assert set(manifest["spec"]) == {"predictor"}
    return split_fields(manifest, manifest["spec"]["predictor"], PREDICTOR)


def runtime():
    """Return the runtime as a pod, and its KServe fields."""
    (manifest,) = read("serving-runtime.yaml")
    assert (manifest["apiVersion"], manifest["kind"]) == ("serving.kserve.io/v1alpha1", "ServingRuntime")
    return split_fields(manifest, manifest["spec"], RUNTIME)


def split_fields(manifest, spec, fields):
    kserve_fields = {name: spec.pop(name) for name in fields}
    assert {name: type(value) for name, value in kserve_fields.items()} == fields
    return {"apiVersion": "v1", "kind": "Pod", "metadata": manifest["metadata"], "spec": spec}, kserve_fields


def test_kubernetes_knows_every_field(tmp_path):
    pod, (served, _) = runtime()[0], service()
    pod["spec"] |= served["spec"]
    assert kubernetes_complaints([pod, *read("access.yaml")], tmp_path) == []


@pytest.mark.nightly
@pytest.mark.parametrize("part", ["pod", "container"])
def test_an_unknown_kubernetes_field_is_caught(tmp_path, part):
    pod, _ = runtime()
    {"pod": pod["spec"], "container": pod["spec"]["containers"][0]}[part]["storageURL"] = "gs://BUCKET"
    assert "'storageURL' was unexpected" in "\n".join(kubernetes_complaints([pod], tmp_path))


def test_the_service_names_an_existing_runtime_and_account():
    (pod, kserve_fields), (runtime_pod, runtime_fields) = service(), runtime()
    model = kserve_fields["model"]
    assert {name: type(value) for name, value in model.items()} == MODEL
    assert model["runtime"] == runtime_pod["metadata"]["name"]
    assert model["modelFormat"] in [
        {key: each[key] for key in ("name", "version")} for each in runtime_fields["supportedModelFormats"]
    ]
    assert model["protocolVersion"] in runtime_fields["protocolVersions"]
    accounts = [one["metadata"]["name"] for one in read("access.yaml") if one["kind"] == "ServiceAccount"]
    assert accounts == [pod["spec"]["serviceAccountName"]]


def test_the_root_is_read_only_and_tmp_has_a_size_limit():
    spec = runtime()[0]["spec"]
    (container,) = spec["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert [each["mountPath"] for each in container["volumeMounts"]] == ["/tmp"]
    assert all("sizeLimit" in each["emptyDir"] for each in spec["volumes"])
    assert "@sha256:" in container["image"]


def options(words):
    """Parse a container's arguments as `glioflow serve` does."""
    assert words[0] == "serve"
    with serve.make_context("serve", words[1:]) as context:
        return SimpleNamespace(**context.params)


def test_the_server_accepts_the_arguments_of_image_and_manifest():
    image = (ROOT / "infra" / "docker" / "predict.Dockerfile").read_text(encoding="utf-8")
    program, words = (json.loads(re.search(rf"(?m)^{name} (.*)$", image)[1]) for name in ("ENTRYPOINT", "CMD"))
    assert program == ["tini", "--", "glioflow"]
    in_image = options(words)
    assert (in_image.host, in_image.port, in_image.model) == ("0.0.0.0", 8080, "/model")
    (container,) = runtime()[0]["spec"]["containers"]
    in_manifest = options(container["args"])
    ports = [one["containerPort"] for one in container["ports"]]
    probed = {container[name]["httpGet"]["port"] for name in ("readinessProbe", "livenessProbe")}
    assert (in_manifest.host, [in_manifest.port], {in_manifest.port}) == ("0.0.0.0", ports, probed)
    assert in_manifest.model == "/mnt/models"
    assert in_manifest.limit == in_image.limit
    assert in_manifest.patience < 30  # Kubernetes' grace period
