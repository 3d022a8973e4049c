# Argo Workflows in the cluster, and the workflow with its schedule in it.

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

locals {
  steady = { "kubernetes.io/os" = "linux", "glioflow/pool" = "system" }
}

resource "helm_release" "argo" {
  name             = "argo-workflows"
  repository       = "https://argoproj.github.io/argo-helm"
  chart            = "argo-workflows"
  version          = var.chart
  namespace        = "argo"
  create_namespace = true

  # A node that is taken away must not take the controller along.
  values = [yamlencode({
    controller = {
      workflowNamespaces = [var.namespace]
      nodeSelector       = local.steady
      metricsConfig      = { enabled = true }
    }
    server = { authModes = ["client"], nodeSelector = local.steady }
  })]
}

resource "kubectl_manifest" "workflow" {
  for_each           = var.objects
  yaml_body          = yamlencode(each.value)
  override_namespace = var.namespace
  depends_on         = [helm_release.argo]
}
