"""KServe's manifests: they fit each other, Kubernetes knows what is Kubernetes', the server takes its arguments."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace

import pytest
import yaml
from checking import kubernetes
from conftest import ROOT

from pipelines.verbs.serve import serve

FOLDER = ROOT / "infra" / "kserve"
# What KServe's kinds have beside the fields of a pod, as far as it is used here.
PREDICTOR = {"minReplicas": int, "maxReplicas": int, "timeout": int, "containerConcurrency": int, "model": dict}
MODEL = {"modelFormat": dict, "runtime": str, "protocolVersion": str, "storageUri": str}
RUNTIME = {"supportedModelFormats": list, "protocolVersions": list, "multiModel": bool}


def read(name):
    return list(yaml.safe_load_all((FOLDER / name).read_text(encoding="utf-8")))


def service():
    """The service's predictor: as a pod, and KServe's own fields of it."""
    (manifest,) = read("inference-service.yaml")
    assert (manifest["apiVersion"], manifest["kind"]) == ("serving.kserve.io/v1beta1", "InferenceService")
    assert set(manifest["spec"]) == {"predictor"}
    return parted(manifest, manifest["spec"]["predictor"], PREDICTOR)


def runtime():
    """The runtime: as a pod, and KServe's own fields of it."""
    (manifest,) = read("serving-runtime.yaml")
    assert (manifest["apiVersion"], manifest["kind"]) == ("serving.kserve.io/v1alpha1", "ServingRuntime")
    return parted(manifest, manifest["spec"], RUNTIME)


def parted(manifest, spec, fields):
    own = {name: spec.pop(name) for name in fields}
    assert {name: type(value) for name, value in own.items()} == fields
    return {"apiVersion": "v1", "kind": "Pod", "metadata": manifest["metadata"], "spec": spec}, own


def test_kubernetes_knows_every_field(tmp_path):
    pod, (served, _) = runtime()[0], service()
    pod["spec"] |= served["spec"]
    assert kubernetes([pod, *read("access.yaml")], tmp_path) == []


@pytest.mark.nightly
@pytest.mark.parametrize("place", ["pod", "container"])
def test_a_field_that_kubernetes_does_not_know_is_seen(tmp_path, place):
    pod, _ = runtime()
    {"pod": pod["spec"], "container": pod["spec"]["containers"][0]}[place]["storageURL"] = "gs://BUCKET"
    assert "'storageURL' was unexpected" in "\n".join(kubernetes([pod], tmp_path))


def test_the_service_finds_its_runtime_and_its_account():
    (pod, own), (at, of) = service(), runtime()
    model = own["model"]
    assert {name: type(value) for name, value in model.items()} == MODEL
    assert model["runtime"] == at["metadata"]["name"]
    assert model["modelFormat"] in [
        {key: each[key] for key in ("name", "version")} for each in of["supportedModelFormats"]
    ]
    assert model["protocolVersion"] in of["protocolVersions"]
    accounts = [one["metadata"]["name"] for one in read("access.yaml") if one["kind"] == "ServiceAccount"]
    assert accounts == [pod["spec"]["serviceAccountName"]]


def test_the_root_is_read_only_and_what_is_written_has_a_limit():
    spec = runtime()[0]["spec"]
    (container,) = spec["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert [each["mountPath"] for each in container["volumeMounts"]] == ["/tmp"]
    assert all("sizeLimit" in each["emptyDir"] for each in spec["volumes"])
    assert "@sha256:" in container["image"]


def options(words):
    """What `glioflow serve` makes of a container's arguments."""
    assert words[0] == "serve"
    with serve.make_context("serve", words[1:]) as context:
        return SimpleNamespace(**context.params)


def test_the_server_takes_the_arguments_of_image_and_manifest():
    image = (ROOT / "infra" / "docker" / "predict.Dockerfile").read_text(encoding="utf-8")
    program, words = (json.loads(re.search(rf"(?m)^{name} (.*)$", image)[1]) for name in ("ENTRYPOINT", "CMD"))
    assert program == ["tini", "--", "glioflow"]
    alone = options(words)
    assert (alone.host, alone.port, alone.model) == ("0.0.0.0", 8080, "/model")
    (container,) = runtime()[0]["spec"]["containers"]
    there = options(container["args"])
    ports = [one["containerPort"] for one in container["ports"]]
    probed = {container[name]["httpGet"]["port"] for name in ("readinessProbe", "livenessProbe")}
    assert (there.host, [there.port], {there.port}) == ("0.0.0.0", ports, probed)
    assert there.model == "/mnt/models"
    assert there.limit == alone.limit
    assert there.patience < 30  # Kubernetes' grace period
