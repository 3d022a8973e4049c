"""The files for Argo: up to date, valid by other people's schemas, and what dvc.yaml says."""

from __future__ import annotations

import copy

import pytest
import yaml
from argo_lint import dangling, unknown_fields
from checking import argo, kubernetes
from conftest import ROOT

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


def test_the_files_are_what_dvc_yaml_makes_of_them_now(order):
    made = manifests(order)
    assert made == {name: (FOLDER / name).read_text(encoding="utf-8") for name in made}, "run: glioflow compile argo"


def test_the_tasks_are_the_stages_in_the_order_of_dvc(template, order):
    tasks = {each["name"]: each for each in dag(template)["tasks"]}
    assert list(tasks) == ["prepare", *(step.name for step in order), "publish"]
    for step in order:
        needed = " && ".join(name.replace("@", "-") for name in step.needs)
        assert tasks[step.name]["depends"] == (needed or "prepare")
    assert before(order, "assemble") == [step.stage for step in order[: [s.stage for s in order].index("assemble")]]


def test_only_trainings_ask_for_gpus_and_for_their_nodes(template):
    asking = {
        name for name, pod in pods(template).items() if "nvidia.com/gpu" in pod["container"]["resources"]["limits"]
    }
    assert asking == TRAININGS
    assert {name for name, pod in pods(template).items() if "nodeSelector" in pod} == TRAININGS
    assert {name for name, pod in pods(template).items() if "tolerations" in pod} == TRAININGS


def test_argos_schemas_and_the_lint_find_nothing(template, cron):
    assert argo([template, cron]) == []
    assert unknown_fields(template) == unknown_fields(cron) == []
    assert dangling(template) == []
    assert cron["spec"]["workflowSpec"]["workflowTemplateRef"]["name"] == template["metadata"]["name"]


@pytest.fixture
def objects(template):
    """Each pod as Kubernetes would get it, and the account that they run as."""

    def pod(name, one):
        spec = {key: one[key] for key in ("nodeSelector", "tolerations") if key in one}
        spec |= {
            "volumes": one["volumes"],
            "securityContext": template["spec"]["securityContext"],
        }
        spec |= {"containers": [{"name": "main", **one["container"]}], **yaml.safe_load(one["podSpecPatch"])}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}

    access = list(yaml.safe_load_all((FOLDER / "access.yaml").read_text(encoding="utf-8")))
    return [*access, *(pod(name, one) for name, one in pods(template).items())]


def test_pods_and_account_are_as_kubernetes_knows_them(objects, template, tmp_path):
    assert kubernetes(objects, tmp_path) == []
    accounts = {one["metadata"]["name"] for one in objects if one["kind"] == "ServiceAccount"}
    spec = template["spec"]
    assert accounts == {spec["serviceAccountName"], spec["executor"]["serviceAccountName"]}


@pytest.mark.nightly
def test_what_kubernetes_does_not_know_is_caught(objects, tmp_path):
    (role,) = (one for one in objects if one["kind"] == "Role")
    first, second = [one for one in objects if one["kind"] == "Pod"][:2]
    role["rules"][0]["verb"] = ["create"]
    first["spec"]["containers"][0]["resources"]["requests"]["memory"] = ["16Gi"]
    second["spec"]["tolerance"] = []
    told = "\n".join(kubernetes(objects, tmp_path))
    assert [word for word in ("'verb'", "memory", "tolerance") if word not in told] == []


def spoil(tree, where, value):
    broken = copy.deepcopy(tree)
    place = broken["spec"]
    for key in where[:-1]:
        place = place[key]
    place[where[-1]] = value
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
def test_a_template_of_wrong_types_is_caught_by_the_schemas(template, where, value, word):
    assert word in "\n".join(argo([spoil(template, where, value)]))


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("where", "value"), [(("concurrencyPolicy",), 1), (("schedules",), "daily"), (("startingDeadlineSeconds",), "soon")]
)
def test_a_cron_workflow_of_wrong_types_is_caught_by_the_schemas(cron, where, value):
    assert where[-1] in "\n".join(argo([spoil(cron, where, value)]))


@pytest.mark.parametrize(
    ("where", "value", "complaint"),
    [
        (("templates", 0, "retryStrategy", "retries"), 3, "WorkflowTemplate.spec.templates[0].retryStrategy.retries"),
        (("templates", 5, "container", "gpu"), 1, "WorkflowTemplate.spec.templates[5].container.gpu"),
        (("cron",), "* * * * *", "WorkflowTemplate.spec.cron"),
    ],
)
def test_a_field_that_nobody_knows_is_caught(template, where, value, complaint):
    assert unknown_fields(spoil(template, where, value)) == [complaint]


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
def test_a_name_that_nothing_answers_to_is_caught(template, where, value, complaint):
    assert complaint in dangling(spoil(template, where, value))


@pytest.mark.parametrize(
    ("resources", "word"),
    [
        ("", "meta.resources"),
        ("{cpu: 0, memory: 1Gi}", "cpu"),
        ("{cpu: 1, memory: 1 GB}", "memory"),
        ("{cpu: 1, memory: 1Gi, tpu: 1}", "tpu"),
    ],
)
def test_a_stage_that_does_not_tell_what_it_asks_for_is_refused(tmp_path, resources, word):
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / "config").write_text("[core]\n    no_scm = true\n")
    meta = f"meta: {{resources: {resources}}}" if resources else ""
    (tmp_path / "dvc.yaml").write_text(f"stages:\n  push:\n    cmd: 'true'\n    outs: [a]\n    {meta}\n")
    with pytest.raises(UserError, match=rf"dvc.yaml: push: .*{word}"):
        steps(tmp_path)
