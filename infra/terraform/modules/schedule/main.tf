# Argo Workflows in the cluster, and the workflow with its schedule: the generated files of infra/argo, as they are.

terraform {
  required_version = ">= 1.9, < 2.0"
  required_providers {
    helm = {
      source  = "hashicorp/helm"
      version = "~> 2.17"
    }
    kubectl = {
      source  = "alekc/kubectl"
      version = "~> 2.1"
    }
  }
}

resource "helm_release" "argo" {
  name             = "argo-workflows"
  repository       = "https://argoproj.github.io/argo-helm"
  chart            = "argo-workflows"
  version          = var.chart
  namespace        = "argo"
  create_namespace = true

  values = [yamlencode({
    controller = { workflowNamespaces = [var.namespace] }
    server     = { authModes = ["client"] }
  })]
}

locals {
  folder   = "${path.module}/../../../argo"
  access   = [for text in split("\n---\n", file("${local.folder}/access.yaml")) : yamldecode(text)]
  template = yamldecode(file("${local.folder}/workflow-template.yaml"))
  cron     = yamldecode(file("${local.folder}/cron-workflow.yaml"))

  # The account carries the cloud's name, the template the site's parameters, the schedule its time.
  account_note = { annotations = { "iam.gke.io/gcp-service-account" = var.runner } }
  objects = concat(
    [for one in local.access : one.kind == "ServiceAccount" ? merge(one, { metadata = merge(one.metadata, local.account_note) }) : one],
    [
      merge(local.template, { spec = merge(local.template.spec, { arguments = { parameters = [
        for one in local.template.spec.arguments.parameters : merge(one, { value = lookup(var.parameters, one.name, one.value) })
      ] } }) }),
      merge(local.cron, { spec = merge(local.cron.spec, { schedules = var.schedules, timezone = var.timezone, suspend = var.suspended }) }),
    ],
  )
}

resource "kubectl_manifest" "workflow" {
  for_each           = { for one in local.objects : "${one.kind}-${one.metadata.name}" => one }
  yaml_body          = yamlencode(each.value)
  override_namespace = var.namespace
  depends_on         = [helm_release.argo]
}
