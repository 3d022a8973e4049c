# The prod environment: `terraform init`, `terraform apply -var-file=site.tfvars`; docs/how-to/cloud.md.

terraform {
  required_version = ">= 1.9, < 2.0"
  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 6.0"
    }
    helm = {
      source  = "hashicorp/helm"
      version = "~> 2.17"
    }
    kubectl = {
      source  = "alekc/kubectl"
      version = "~> 2.1"
    }
  }
  # The bucket of the state is made once by hand: terraform init -backend-config="bucket=..."
  backend "gcs" {
    prefix = "glioflow/prod"
  }
}

provider "google" {
  project = var.project
  region  = var.region
}

data "google_client_config" "me" {}

provider "helm" {
  kubernetes {
    host                   = "https://${module.cluster.endpoint}"
    token                  = data.google_client_config.me.access_token
    cluster_ca_certificate = base64decode(module.cluster.certificate)
  }
}

provider "kubectl" {
  host                   = "https://${module.cluster.endpoint}"
  token                  = data.google_client_config.me.access_token
  cluster_ca_certificate = base64decode(module.cluster.certificate)
  load_config_file       = false
}

locals {
  namespace = "glioflow"
  labels    = { product = "glioflow", environment = "prod" }
}

module "storage" {
  source        = "../../modules/storage"
  name          = var.bucket
  location      = var.region
  undelete_days = 90
}

module "images" {
  source   = "../../modules/images"
  location = var.region
}

module "identity" {
  source           = "../../modules/identity"
  project          = var.project
  bucket           = module.storage.name
  image_repository = module.images.repository
  namespace        = local.namespace
}

module "cluster" {
  source         = "../../modules/cluster"
  project        = var.project
  region         = var.region
  gpu_zones      = var.gpu_zones
  node_account   = module.identity.nodes
  administrators = var.administrators
  gpu_nodes      = 2
  spot           = true
  protected      = true
  labels         = local.labels
}

resource "kubectl_manifest" "namespace" {
  yaml_body = yamlencode({ apiVersion = "v1", kind = "Namespace", metadata = { name = local.namespace } })
}

module "schedule" {
  source     = "../../modules/schedule"
  namespace  = local.namespace
  runner     = module.identity.runner
  suspended  = false
  depends_on = [kubectl_manifest.namespace]
  parameters = {
    repository = var.repository
    storage    = "gs://${module.storage.name}"
    image      = "${module.images.address}/glioflow:${var.release}"
    gpu-image  = "${module.images.address}/glioflow-gpu:${var.release}"
  }
}
