# The generated files of infra/argo with what a site decides: no provider, so `terraform apply` shows the result anywhere.

terraform {
  required_version = ">= 1.9, < 2.0"
}

locals {
  folder   = "${path.module}/../../../argo"
  access   = [for text in split("\n---\n", file("${local.folder}/access.yaml")) : yamldecode(text)]
  template = yamldecode(file("${local.folder}/workflow-template.yaml"))
  cron     = yamldecode(file("${local.folder}/cron-workflow.yaml"))
  named    = { annotations = { "iam.gke.io/gcp-service-account" = var.runner } }

  # The account gets its name in the cloud, the template the site's parameters, the schedule its time.
  accounts = [
    for one in local.access : merge(one, {
      metadata = merge(one.metadata, { for key, value in local.named : key => value if one.kind == "ServiceAccount" })
    })
  ]
  parameters = [
    for one in local.template.spec.arguments.parameters : merge(one, { value = lookup(var.parameters, one.name, one.value) })
  ]
  workflow = merge(local.template, { spec = merge(local.template.spec, { arguments = { parameters = local.parameters } }) })
  nightly = merge(local.cron, {
    spec = merge(local.cron.spec, { schedules = var.schedules, timezone = var.timezone, suspend = var.suspended })
  })
}
