"""The files for Argo are up to date, valid by third-party schemas, and match dvc.yaml."""

from __future__ import annotations

import copy
import dataclasses

import pytest
import yaml
from argo_lint import dangling_references, unknown_fields
from conftest import ROOT
from validators import argo_complaints, kubernetes_complaints

from components.common.errors import UserError
from pipelines.cluster.argo import manifests
from pipelines.cluster.dag import before, steps

FOLDER = ROOT / "infra" / "argo"
TRAININGS = {"train-classifier", "train-segmenter"}
TASKS = ("templates", 13, "dag", "tasks")
POD = ("templates", 2, "container")


def read(name):
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def order():
    return steps(ROOT)


@pytest.fixture
def template():
    return read("workflow-template.yaml")


@pytest.fixture
def cron():
    return read("cron-workflow.yaml")


def pods(template):
    return {each["name"]: each for each in template["spec"]["templates"] if "container" in each}


def dag(template):
    return next(each["dag"] for each in template["spec"]["templates"] if each["name"] == "workflow")


def test_the_files_are_up_to_date_with_dvc_yaml(order):
    made = manifests(order)
    assert made == {name: (FOLDER / name).read_text(encoding="utf-8") for name in made}, "run: glioflow compile argo"


def test_the_tasks_are_the_stages_in_dvcs_order(template, order):
    tasks = {each["name"]: each for each in dag(template)["tasks"]}
    assert list(tasks) == ["prepare", *(step.name for step in order), "publish"]
    for step in order:
        needed = " && ".join(name.replace("@", "-") for name in step.needs)
        assert tasks[step.name]["depends"] == (needed or "prepare")
    assert before(order, "assemble") == [step.stage for step in order[: [s.stage for s in order].index("assemble")]]


def test_only_trainings_request_gpus_and_gpu_nodes(template):
    asking = {
        name for name, pod in pods(template).items() if "nvidia.com/gpu" in pod["container"]["resources"]["limits"]
    }
    assert asking == TRAININGS
    assert {name for name, pod in pods(template).items() if "nodeSelector" in pod} == TRAININGS
    assert {name for name, pod in pods(template).items() if "tolerations" in pod} == TRAININGS


def test_argos_schemas_and_the_lint_find_no_errors(template, cron):
    assert argo_complaints([template, cron]) == []
    assert unknown_fields(template) == unknown_fields(cron) == []
    assert dangling_references(template) == []
    assert cron["spec"]["workflowSpec"]["workflowTemplateRef"]["name"] == template["metadata"]["name"]


def test_the_schedule_is_suspended_and_site_parameters_have_no_defaults(template, cron):
    """Applying the folder unchanged must not start a run at night."""
    assert cron["spec"]["suspend"] is True
    parameters = {each["name"]: each.get("value") for each in template["spec"]["arguments"]["parameters"]}
    needed = {"repository", "storage", "logs", "image", "gpu-image"}
    assert {name for name, value in parameters.items() if value is None} == needed
    assert "example" not in str(parameters)


def test_the_files_of_a_site_have_its_parameters_and_schedule(order):
    given = {"repository": "https://g/x.git", "image": "i@sha256:1", "settings": "a=[1, 2] b='c'"}
    made = {name: yaml.safe_load(text) for name, text in manifests(order, given, "30 1 * * 1-5").items()}
    template, cron = made["workflow-template.yaml"], made["cron-workflow.yaml"]
    parameters = {each["name"]: each.get("value") for each in template["spec"]["arguments"]["parameters"]}
    assert {**parameters, **given} == parameters
    assert (cron["spec"]["suspend"], cron["spec"]["schedules"]) == (False, ["30 1 * * 1-5"])
    with pytest.raises(UserError, match=r"^gpu_image: the workflow has no such parameter; choose one of .*gpu-image"):
        manifests(order, {"gpu_image": "x"})


def test_a_task_has_a_pod_only_if_prepare_found_something_new(template, order):
    reported = {each["name"] for each in pods(template)["prepare"]["outputs"]["parameters"]}
    assert reported == {"commit", *(step.name for step in order)}
    when = {each["name"]: each.get("when") for each in dag(template)["tasks"]}
    wanted = {step.name: f"{{{{tasks.prepare.outputs.parameters.{step.name}}}}} == true" for step in order}
    assert when == {"prepare": None, "publish": None, **wanted}


def test_pods_write_only_to_folders_with_size_limits(template):
    for name, one in pods(template).items():
        container = one["container"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True, name
        written = {each["mountPath"]: each["name"] for each in container["volumeMounts"] if not each.get("readOnly")}
        assert set(written) == {"/workspace", "/tmp"}
        limits = {each["name"]: each["emptyDir"]["sizeLimit"] for each in one["volumes"] if "emptyDir" in each}
        assert set(limits) == set(written.values())
        for kind in ("requests", "limits"):
            assert container["resources"][kind]["ephemeral-storage"] == limits["workspace"]
        variables = {each["name"]: each.get("value") for each in container["env"]}
        for variable in ("HOME", "TMPDIR", "DVC_SITE_CACHE_DIR"):
            assert variables[variable].startswith("/workspace")


def test_stages_get_the_disk_space_that_they_request(order):
    large = [dataclasses.replace(each, resources=each.resources.model_copy(update={"disk": "500Gi"})) for each in order]
    made = yaml.safe_load(manifests(large)["workflow-template.yaml"])
    assert "sizeLimit: 500Gi" in yaml.safe_dump(pods(made)["convert"])


def test_a_pods_main_container_has_no_kubernetes_token(template):
    spec = template["spec"]
    assert spec["automountServiceAccountToken"] is False
    access = list(yaml.safe_load_all((FOLDER / "access.yaml").read_text(encoding="utf-8")))
    accounts = {one["metadata"]["name"]: one for one in access if one["kind"] == "ServiceAccount"}
    assert all(one["automountServiceAccountToken"] is False for one in accounts.values())
    executor = spec["executor"]["serviceAccountName"]
    (secret,) = (one for one in access if one["kind"] == "Secret")
    assert secret["metadata"]["name"] == f"{executor}.service-account-token"  # the name that Argo looks for
    (binding,) = (one for one in access if one["kind"] == "RoleBinding")
    assert [each["name"] for each in binding["subjects"]] == [executor]


def test_logs_of_all_pods_are_archived_in_a_bucket(template):
    for one in pods(template).values():
        location = one["archiveLocation"]
        assert (location["archiveLogs"], location["gcs"]["bucket"]) == (True, "{{workflow.parameters.logs}}")
        assert "{{workflow.name}}" in location["gcs"]["key"]
        assert "{{pod.name}}" in location["gcs"]["key"]


@pytest.fixture
def objects(template):
    """Each pod as Kubernetes would get it, with the accounts, rights and network policies."""

    def pod(name, one):
        spec = {key: one[key] for key in ("nodeSelector", "tolerations") if key in one}
        spec |= {
            "volumes": one["volumes"],
            "securityContext": template["spec"]["securityContext"],
        }
        spec |= {"containers": [{"name": "main", **one["container"]}], **yaml.safe_load(one["podSpecPatch"])}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}

    others = ("access.yaml", "network.yaml")
    access = [one for name in others for one in yaml.safe_load_all((FOLDER / name).read_text(encoding="utf-8"))]
    return [*access, *(pod(name, one) for name, one in pods(template).items())]


def test_pods_and_accounts_are_valid_kubernetes_objects(objects, template, tmp_path):
    assert kubernetes_complaints(objects, tmp_path) == []
    accounts = {one["metadata"]["name"] for one in objects if one["kind"] == "ServiceAccount"}
    spec = template["spec"]
    assert accounts == {spec["serviceAccountName"], spec["executor"]["serviceAccountName"]}


@pytest.mark.nightly
def test_invalid_kubernetes_fields_are_caught(objects, tmp_path):
    (role,) = (one for one in objects if one["kind"] == "Role")
    first, second = [one for one in objects if one["kind"] == "Pod"][:2]
    role["rules"][0]["verb"] = ["create"]
    first["spec"]["containers"][0]["resources"]["requests"]["memory"] = ["16Gi"]
    second["spec"]["tolerance"] = []
    reported = "\n".join(kubernetes_complaints(objects, tmp_path))
    assert [word for word in ("'verb'", "memory", "tolerance") if word not in reported] == []


def with_error(tree, where, value):
    broken = copy.deepcopy(tree)
    location = broken["spec"]
    for key in where[:-1]:
        location = location[key]
    location[where[-1]] = value
    return broken


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("where", "value", "word"),
    [
        (("templates", 0, "retryStrategy", "retryPolicy"), 7, "retryPolicy"),
        (("templates", 0, "container", "image"), ["a"], "image"),
        ((*TASKS, 0, "name"), None, "name"),
        (("arguments", "parameters", 0, "name"), 3, "name"),
    ],
)
def test_a_template_with_wrong_types_is_caught_by_the_schemas(template, where, value, word):
    assert word in "\n".join(argo_complaints([with_error(template, where, value)]))


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("where", "value"), [(("concurrencyPolicy",), 1), (("schedules",), "daily"), (("startingDeadlineSeconds",), "soon")]
)
def test_a_cron_workflow_with_wrong_types_is_caught_by_the_schemas(cron, where, value):
    assert where[-1] in "\n".join(argo_complaints([with_error(cron, where, value)]))


@pytest.mark.parametrize(
    ("where", "value", "complaint"),
    [
        (("templates", 0, "retryStrategy", "retries"), 3, "WorkflowTemplate.spec.templates[0].retryStrategy.retries"),
        (("templates", 5, "container", "gpu"), 1, "WorkflowTemplate.spec.templates[5].container.gpu"),
        (("cron",), "* * * * *", "WorkflowTemplate.spec.cron"),
    ],
)
def test_an_unknown_field_is_caught(template, where, value, complaint):
    assert unknown_fields(with_error(template, where, value)) == [complaint]


@pytest.mark.parametrize(
    ("where", "value", "complaint"),
    [
        (("entrypoint",), "main", "entrypoint main: no such template"),
        ((*TASKS, 3, "template"), "splits", "workflow/split: template splits is not there"),
        ((*TASKS, 3, "depends"), "demo && swallow", "workflow/split: depends on swallow, which is no task"),
        ((*POD, "image"), "{{workflow.parameters.img}}", "ingest: {{workflow.parameters.img}} is nothing"),
        (("templates", 2, "inputs"), {}, "ingest: {{inputs.parameters.commit}} is nothing"),
        ((*TASKS, 2, "arguments"), {}, "workflow/ingest: parameter commit is not given or not wanted"),
    ],
)
def test_a_dangling_reference_is_caught(template, where, value, complaint):
    assert complaint in dangling_references(with_error(template, where, value))


@pytest.mark.parametrize(
    ("resources", "word"),
    [
        ("", "meta.resources"),
        ("{cpu: 0, memory: 1Gi}", "cpu"),
        ("{cpu: 1, memory: 1 GB}", "memory"),
        ("{cpu: 1, memory: 1Gi, tpu: 1}", "tpu"),
    ],
)
def test_a_stage_with_missing_or_wrong_resources_is_refused(tmp_path, resources, word):
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / "config").write_text("[core]\n    no_scm = true\n")
    meta = f"meta: {{resources: {resources}}}" if resources else ""
    (tmp_path / "dvc.yaml").write_text(f"stages:\n  push:\n    cmd: 'true'\n    outs: [a]\n    {meta}\n")
    with pytest.raises(UserError, match=rf"dvc.yaml: push: .*{word}"):
        steps(tmp_path)
