# One environment of glioflow on Google Cloud. Which one, the two files of its folder in environments/ say:
#   export TF_DATA_DIR=environments/dev/.terraform
#   terraform init -backend-config=environments/dev/backend.hcl
#   terraform apply -var-file=environments/dev/environment.tfvars -var-file=site.tfvars
# docs/how-to/cloud.md says more.

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
  # Its bucket is made once by hand.
  backend "gcs" {}
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
  labels    = { product = "glioflow", environment = var.environment }
}

module "apis" {
  source  = "./modules/apis"
  project = var.project
}

module "storage" {
  source        = "./modules/storage"
  name          = var.bucket
  location      = var.region
  undelete_days = var.undelete_days
  depends_on    = [module.apis]
}

module "images" {
  source     = "./modules/images"
  location   = var.region
  depends_on = [module.apis]
}

module "identity" {
  source           = "./modules/identity"
  project          = var.project
  bucket           = module.storage.name
  image_repository = module.images.repository
  namespace        = local.namespace
  depends_on       = [module.apis]
}

module "cluster" {
  source         = "./modules/cluster"
  project        = var.project
  region         = var.region
  zones          = var.zones
  node_account   = module.identity.nodes
  administrators = var.administrators
  gpu_nodes      = var.gpu_nodes
  spot           = var.spot
  protected      = var.protected
  labels         = local.labels
  depends_on     = [module.apis]
}

resource "kubectl_manifest" "namespace" {
  yaml_body = yamlencode({ apiVersion = "v1", kind = "Namespace", metadata = { name = local.namespace } })
}

module "manifests" {
  source    = "./modules/manifests"
  runner    = module.identity.runner
  serving   = module.identity.serving
  suspended = var.suspended
  parameters = {
    repository = var.repository
    revision   = var.revision
    settings   = var.settings
    storage    = "gs://${module.storage.name}"
    logs       = module.storage.name
    image      = "${module.images.address}/glioflow@${var.image_digests.cpu}"
    gpu-image  = "${module.images.address}/glioflow-gpu@${var.image_digests.gpu}"
  }
}

module "schedule" {
  source     = "./modules/schedule"
  namespace  = local.namespace
  objects    = module.manifests.objects
  depends_on = [kubectl_manifest.namespace]
}
