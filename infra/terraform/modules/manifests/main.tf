# The files of infra/argo, and the account of infra/kserve, with what a site decides: no provider, so `terraform apply` shows
# the result anywhere.

terraform {
  required_version = ">= 1.9, < 2.0"
}

locals {
  infra    = "${path.module}/../../.."
  files    = ["argo/access.yaml", "argo/network.yaml", "kserve/access.yaml"]
  others   = flatten([for name in local.files : [for text in split("\n---\n", file("${local.infra}/${name}")) : yamldecode(text)]])
  template = yamldecode(file("${local.infra}/argo/workflow-template.yaml"))
  cron     = yamldecode(file("${local.infra}/argo/cron-workflow.yaml"))

  # Accounts that are bound to one of the cloud's get its name, the template the site's parameters, the schedule its time.
  in_the_cloud = { "glioflow-runner" = var.runner, "glioflow-serving" = var.serving }
  objects = [
    for one in local.others : merge(one, {
      metadata = merge(one.metadata, {
        for key, value in { annotations = { "iam.gke.io/gcp-service-account" = lookup(local.in_the_cloud, one.metadata.name, "") } } :
        key => value if one.kind == "ServiceAccount" && contains(keys(local.in_the_cloud), one.metadata.name)
      })
    })
  ]
  parameters = [
    for one in local.template.spec.arguments.parameters :
    merge(one, { for key, value in var.parameters : "value" => value if key == one.name })
  ]
  workflow = merge(local.template, { spec = merge(local.template.spec, { arguments = { parameters = local.parameters } }) })
  nightly = merge(local.cron, {
    spec = merge(local.cron.spec, { schedules = var.schedules, timezone = var.timezone, suspend = var.suspended })
  })

  # The namespace is the workflow's alone, so what no policy allows is forbidden in it.
  forbidden = {
    apiVersion = "networking.k8s.io/v1"
    kind       = "NetworkPolicy"
    metadata   = { name = "default-deny" }
    spec       = { podSelector = {}, policyTypes = ["Ingress", "Egress"] }
  }
}
