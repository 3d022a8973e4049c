# The interfaces of Google Cloud that the other modules call; a new project has them switched off.

terraform {
  required_version = ">= 1.9, < 2.0"
  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 6.0"
    }
  }
}

locals {
  names = [
    "artifactregistry",
    "cloudresourcemanager",
    "compute",
    "container",
    "iam",
    "iamcredentials",
    "logging",
    "monitoring",
    "storage",
  ]
}

resource "google_project_service" "this" {
  for_each           = toset(local.names)
  project            = var.project
  service            = "${each.value}.googleapis.com"
  disable_on_destroy = false # others in the project may use it
}
