"""The Terraform files are formatted, wire their modules correctly, and give a site valid Argo objects."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess

import pytest
from argo_lint import dangling_references, unknown_fields
from conftest import ROOT
from validators import argo_complaints, evaluate_cel, kubernetes_complaints

FOLDER = ROOT / "infra" / "terraform"
SITE = {
    "runner": "glioflow-runner@project.iam.gserviceaccount.com",
    "serving": "glioflow-serving@project.iam.gserviceaccount.com",
    "parameters": {
        "repository": "https://g.example.org/x.git",
        "settings": "scale=full source=gs://b/scans",
        "storage": "gs://b",
        "logs": "b",
        "image": "i@sha256:1",
        "gpu-image": "g@sha256:2",
    },
    "schedules": ["30 1 * * 1-5"],
    "suspended": True,
}


def terraform(*arguments, cwd):
    if not shutil.which("terraform"):
        pytest.skip("terraform is not here")
    environment = {**os.environ, "TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1"}
    return subprocess.run(
        ["terraform", *arguments], cwd=cwd, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )


def test_the_files_are_in_terraforms_own_format():
    assert terraform("fmt", "-check", "-recursive", cwd=FOLDER).stdout == ""


@pytest.mark.nightly
def test_terraform_finds_a_wrong_format(tmp_path):
    (tmp_path / "main.tf").write_text("locals {\na=1\n}\n")
    assert terraform("fmt", "-check", cwd=tmp_path).stdout == "main.tf\n"


def wiring_errors(folder):
    """Return mismatches between modules' arguments and outputs; for this, Terraform itself would need all providers."""
    found = []
    text = (folder / "main.tf").read_text()
    calls = re.findall(r'^module "(\w+)" {\n(.*?)^}', text, re.MULTILINE | re.DOTALL)
    reported = {}
    for name, body in calls:
        source = folder / re.search(r'source\s*=\s*"(.*?)"', body)[1]
        given = set(re.findall(r"^  (\w+)\s*=", body, re.MULTILINE)) - {"source", "depends_on"}
        wanted = dict(re.findall(r'^variable "(\w+)" {\n(.*?)^}', (source / "variables.tf").read_text(), re.M | re.S))
        needed = {each for each, inside in wanted.items() if not re.search(r"^  default\s*=", inside, re.MULTILINE)}
        found += [f"{name}: {each} is not given" for each in sorted(needed - given)]
        found += [f"{name}: {each} is not wanted" for each in sorted(given - set(wanted))]
        outputs = source / "outputs.tf"
        reported[name] = (
            set(re.findall(r'^output "(\w+)"', outputs.read_text(), re.MULTILINE)) if outputs.exists() else set()
        )
    for name, output in re.findall(r"module\.(\w+)\.(\w+)", "".join(p.read_text() for p in folder.glob("*.tf"))):
        if output not in reported.get(name, ()):
            found.append(f"module.{name}.{output} is nothing")
    return found


def test_modules_get_their_arguments_and_have_the_outputs_in_use():
    assert wiring_errors(FOLDER) == []


@pytest.mark.parametrize(
    ("right", "wrong", "complaint"),
    [
        ("node_account", "nodes_account", "cluster: node_account is not given"),
        ("module.storage.name", "module.storage.bucket", "module.storage.bucket is nothing"),
        ('"./modules/images"\n', '"./modules/images"\n  size = 3\n', "images: size is not wanted"),
    ],
)
def test_wrong_wiring_of_modules_is_caught(tmp_path, right, wrong, complaint):
    shutil.copytree(FOLDER / "modules", tmp_path / "modules")
    (tmp_path / "main.tf").write_text((FOLDER / "main.tf").read_text().replace(right, wrong))
    assert complaint in wiring_errors(tmp_path)


def test_each_environment_sets_the_variables_that_a_site_does_not():
    variables = set(re.findall(r'^variable "(\w+)"', (FOLDER / "variables.tf").read_text(), re.MULTILINE))
    by_site = set(re.findall(r"^(\w+)\s*=", (FOLDER / "site.tfvars.example").read_text(), re.MULTILINE))
    for name in ("dev", "prod"):
        text = (FOLDER / "environments" / name / "environment.tfvars").read_text()
        assert (
            set(re.findall(r"^(\w+)\s*=", text, re.MULTILINE)) | by_site | {"region", "zones", "revision"} == variables
        )
        assert f'"glioflow/{name}"' in (FOLDER / "environments" / name / "backend.hcl").read_text()


@pytest.fixture(scope="module")
def objects(tmp_path_factory):
    """The objects that Terraform really makes of infra/argo for a site; this module needs no provider."""
    folder = tmp_path_factory.mktemp("infra")
    for name in ("argo", "kserve"):
        shutil.copytree(ROOT / "infra" / name, folder / name)
    module = folder / "terraform" / "modules" / "manifests"
    shutil.copytree(FOLDER / "modules" / "manifests", module)
    (module / "site.auto.tfvars.json").write_text(json.dumps(SITE))
    for line in ("init -input=false", "apply -input=false -auto-approve"):
        result = terraform(*line.split(), cwd=module)
        assert result.returncode == 0, result.stdout + result.stderr
    return json.loads(terraform("output", "-json", "objects", cwd=module).stdout)


def test_the_objects_of_a_site_are_valid_and_have_its_values(objects, tmp_path):
    template, cron = objects["WorkflowTemplate-glioflow"], objects["CronWorkflow-glioflow-nightly"]
    assert argo_complaints([template, cron]) == []
    assert unknown_fields(template) == unknown_fields(cron) == dangling_references(template) == []
    given = {each["name"]: each["value"] for each in template["spec"]["arguments"]["parameters"]}
    assert {**given, **SITE["parameters"]} == given
    assert given["branch"] == "glioflow/results"
    assert (cron["spec"]["schedules"], cron["spec"]["suspend"]) == (SITE["schedules"], True)
    rest = [one for one in objects.values() if one["kind"] not in ("WorkflowTemplate", "CronWorkflow")]
    assert kubernetes_complaints(rest, tmp_path) == []
    accounts = {one["metadata"]["name"]: one["metadata"] for one in rest if one["kind"] == "ServiceAccount"}
    spec = template["spec"]
    assert set(accounts) == {spec["serviceAccountName"], spec["executor"]["serviceAccountName"], "glioflow-serving"}
    in_the_cloud = {name: one.get("annotations", {}) for name, one in accounts.items()}
    bound = {f"glioflow-{name}": {"iam.gke.io/gcp-service-account": SITE[name]} for name in ("runner", "serving")}
    assert in_the_cloud == {"glioflow-executor": {}, **bound}


def test_network_traffic_is_denied_unless_a_policy_allows_it(objects):
    policies = {one["metadata"]["name"]: one["spec"] for one in objects.values() if one["kind"] == "NetworkPolicy"}
    assert set(policies) == {"default-deny", "glioflow-workflow", "glioflow-serving"}
    assert policies["default-deny"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert policies["glioflow-workflow"]["ingress"] == []
    open_to_all = [rule["ports"] for rule in policies["glioflow-workflow"]["egress"] if "to" not in rule]
    assert open_to_all == [[{"protocol": "TCP", "port": 443}]]
    cluster = (FOLDER / "modules" / "cluster" / "main.tf").read_text()
    assert re.search(r"network_policy {\s+enabled\s+= true", cluster)
    assert re.search(r"addons_config {\s+network_policy_config {\s+disabled = false", cluster)


def condition(bucket):
    """Return the condition of the servers' grant, in CEL, joined as Terraform does."""
    text = (FOLDER / "modules" / "identity" / "main.tf").read_text()
    parts = re.findall(r'(?m)^ +(?:expression = )?"((?:resource|api)\..*)",?$', text)
    return " || ".join(part.replace('\\"', '"').replace("${var.bucket}", bucket) for part in parts)


def test_servers_may_only_list_and_read_approved_models():
    bucket_path, prefix = "projects/_/buckets/b", "storage.googleapis.com/objectListPrefix"
    requests = {
        "a model's file": ({"name": f"{bucket_path}/objects/models/layered/1/saved_model.pb"}, {}, True),
        "the list of a model": ({"name": bucket_path}, {prefix: "models/layered/"}, True),
        "a scan": ({"name": f"{bucket_path}/objects/scans/p/t1.nii.gz"}, {}, False),
        "a name that begins like it": ({"name": f"{bucket_path}/objects/models-old/x"}, {}, False),
        "another bucket": ({"name": "projects/_/buckets/bb/objects/models/x"}, {}, False),
        "the list of everything": ({"name": bucket_path}, {}, False),
        "the list of scans": ({"name": bucket_path}, {prefix: "scans/"}, False),
    }
    cases = [(condition("b"), {"resource": resource, "api": api}) for resource, api, _ in requests.values()]
    assert dict(zip(requests, evaluate_cel(cases), strict=True)) == {
        name: allowed for name, (_, _, allowed) in requests.items()
    }


def test_node_counts_are_per_pool_and_not_per_zone():
    """`initial_node_count` counts in each zone, `total_..._node_count` in all."""
    cluster = (FOLDER / "modules" / "cluster" / "main.tf").read_text()
    pools = dict(re.findall(r"(?ms)^    (\w+) = {$(.*?)^    }$", cluster.partition("\n  pools = {")[2]))
    assert set(pools) == {"system", "cpu", "gpu"}
    for name, body in pools.items():
        least = int(re.search(r"least\s+= (\d+)", body)[1])
        zones = 1 if "[var.zones[0]]" in body else 2
        assert least % zones == 0, name
        assert ("spot = false" in body) == (name == "system")
    assert "node_locations     = each.value.zones" in cluster
    assert re.search(r"initial_node_count = each.value.least / length\(each.value.zones\)", cluster)
    assert not re.search(r"^    (min|max)_node_count", cluster, re.MULTILINE)


def test_argo_runs_on_permanent_machines_in_a_supported_release():
    text = (FOLDER / "modules" / "schedule" / "main.tf").read_text()
    assert re.search(r'steady = {.*"glioflow/pool" = "system"', text)
    assert len(re.findall(r"nodeSelector\s+= local.steady", text)) == 2
    assert '"2.0.1"' in (FOLDER / "modules" / "schedule" / "variables.tf").read_text()


@pytest.mark.parametrize("missing", ["settings", "logs", "image"])
def test_a_site_without_a_required_parameter_is_refused(tmp_path, missing):
    module = tmp_path / "terraform" / "modules" / "manifests"
    shutil.copytree(FOLDER / "modules" / "manifests", module)
    for name in ("argo", "kserve"):
        shutil.copytree(ROOT / "infra" / name, tmp_path / name)
    parameters = {name: value for name, value in SITE["parameters"].items() if name != missing}
    (module / "site.auto.tfvars.json").write_text(json.dumps(SITE | {"parameters": parameters}))
    terraform("init", "-input=false", cwd=module)
    assert "Give repository, settings, storage" in terraform("plan", "-input=false", cwd=module).stderr


def test_node_pools_match_what_pods_request(objects):
    """The node selector and the taint of GPU machines, in Terraform and in the pods."""
    cluster = (FOLDER / "modules" / "cluster" / "main.tf").read_text()
    pods = objects["WorkflowTemplate-glioflow"]["spec"]["templates"]
    (selector,) = {tuple(one["nodeSelector"].items()) for one in pods if "nodeSelector" in one}
    ((key, pool),) = selector
    assert f'"{key}" = each.key' in cluster
    assert re.search(rf"^    {pool}\s*= {{", cluster, re.MULTILINE)
    assert {each["key"] for one in pods for each in one.get("tolerations", [])} == {"nvidia.com/gpu"}
    assert '["nvidia.com/gpu"]' in cluster


@pytest.fixture
def variables(tmp_path):
    """A function that plans with only an environment's variables, without providers, and returns Terraform's errors."""

    def planned(environment, right="", wrong=""):
        shutil.copy(FOLDER / "variables.tf", tmp_path)
        site = (FOLDER / "site.tfvars.example").read_text()
        assert right in site
        (tmp_path / "site.tfvars").write_text(site.replace(right, wrong))
        files = [FOLDER / "environments" / environment / "environment.tfvars", tmp_path / "site.tfvars"]
        result = terraform("plan", "-input=false", *(f"-var-file={file}" for file in files), cwd=tmp_path)
        return " ".join(result.stderr.split())

    return planned


@pytest.mark.parametrize(
    ("environment", "right", "wrong", "complaint"),
    [
        ("prod", "", "", ""),
        ("dev", "source=gs://my-project-glioflow/scans ", "", ""),
        ("prod", "source=gs://my-project-glioflow/scans ", "", "it would run on synthetic scans"),
        ("prod", "source=gs://my-project-glioflow/scans", "source=", "it would run on synthetic scans"),
        ("prod", "source=gs", "split.resource=gs", "it would run on synthetic scans"),
        ("dev", "sha256:" + 64 * "0", "latest", "sha256: and 64 hexadecimal digits"),
    ],
)
def test_prod_needs_scans_and_all_environments_need_image_digests(variables, environment, right, wrong, complaint):
    reported = variables(environment, right, wrong)
    assert complaint in reported
    assert bool(reported) == bool(complaint)
