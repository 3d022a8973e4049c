"""KServe's manifest: Kubernetes knows what is Kubernetes', and the server takes the arguments it is started with."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace

import pytest
import yaml
from checking import kubernetes
from conftest import ROOT

from pipelines.verbs.serve import serve

# What a predictor of serving.kserve.io/v1beta1 has beside the fields of a pod, as far as it is used here.
KSERVE = {"minReplicas": int, "maxReplicas": int, "timeout": int, "containerConcurrency": int}


def predictor():
    """The predictor as a pod, and KServe's own fields of it."""
    manifest = yaml.safe_load((ROOT / "infra" / "kserve" / "inference-service.yaml").read_text(encoding="utf-8"))
    assert (manifest["apiVersion"], manifest["kind"]) == ("serving.kserve.io/v1beta1", "InferenceService")
    assert set(manifest["spec"]) == {"predictor"}
    spec = manifest["spec"]["predictor"]
    own = {name: spec.pop(name) for name in KSERVE}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": manifest["metadata"], "spec": spec}, own


def test_kubernetes_knows_every_field(tmp_path):
    pod, own = predictor()
    assert {name: type(value) for name, value in own.items()} == KSERVE
    assert kubernetes([pod], tmp_path) == []


@pytest.mark.nightly
@pytest.mark.parametrize("place", ["pod", "container"])
def test_a_field_that_kubernetes_does_not_know_is_seen(tmp_path, place):
    pod, _ = predictor()
    {"pod": pod["spec"], "container": pod["spec"]["containers"][0]}[place]["storageURL"] = "gs://BUCKET"
    assert "'storageURL' was unexpected" in "\n".join(kubernetes([pod], tmp_path))


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
    (container,) = predictor()[0]["spec"]["containers"]
    there = options(container["args"])
    ports = [one["containerPort"] for one in container["ports"]]
    probed = {container[name]["httpGet"]["port"] for name in ("readinessProbe", "livenessProbe")}
    assert (there.host, [there.port], {there.port}) == ("0.0.0.0", ports, probed)
    assert there.model == "/mnt/models"
    assert there.limit == alone.limit
    assert there.patience < 30  # Kubernetes' grace period
