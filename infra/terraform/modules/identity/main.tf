# Who the pods are outside of the cluster, and what they may do there: each as little as it needs.

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
  accounts = {
    runner  = "Pods of the workflow: read and write the shared bucket"
    serving = "Pods that serve: read approved models"
    nodes   = "Machines of the cluster: pull images, write logs and metrics"
  }
}

resource "google_service_account" "this" {
  for_each     = local.accounts
  account_id   = "glioflow-${each.key}"
  display_name = each.value
}

resource "google_storage_bucket_iam_member" "runner" {
  bucket = var.bucket
  role   = "roles/storage.objectUser"
  member = google_service_account.this["runner"].member
}

resource "google_storage_bucket_iam_member" "serving" {
  bucket = var.bucket
  role   = "roles/storage.objectViewer"
  member = google_service_account.this["serving"].member
  # Objects are read by their names; they are listed by the bucket's, of which only the prefix asked for tells what for.
  condition {
    title = "models only"
    expression = join(" || ", [
      "resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/models/\")",
      "api.getAttribute(\"storage.googleapis.com/objectListPrefix\", \"\").startsWith(\"models/\")",
    ])
  }
}

resource "google_artifact_registry_repository_iam_member" "nodes" {
  repository = var.image_repository
  role       = "roles/artifactregistry.reader"
  member     = google_service_account.this["nodes"].member
}

resource "google_project_iam_member" "nodes" {
  for_each = toset(["roles/logging.logWriter", "roles/monitoring.metricWriter", "roles/stackdriver.resourceMetadata.writer"])
  project  = var.project
  role     = each.value
  member   = google_service_account.this["nodes"].member
}

# A pod of the Kubernetes account is the cloud's account of the same name: no key file anywhere.
resource "google_service_account_iam_member" "pods" {
  for_each           = toset(["runner", "serving"])
  service_account_id = google_service_account.this[each.value].name
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:${var.project}.svc.id.goog[${var.namespace}/glioflow-${each.value}]"
}
