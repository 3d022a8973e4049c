# One bucket for everything that pods share: DVC's store, hand-over between pods, checkpoints, Kubeflow's artifacts.
# Access is logged to a bucket beside it, as patients' data asks for.

terraform {
  required_version = ">= 1.9, < 2.0"
  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 6.0"
    }
  }
}

resource "google_storage_bucket" "shared" {
  name                        = var.name
  location                    = var.location
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false

  versioning {
    enabled = true
  }

  logging {
    log_bucket = google_storage_bucket.log.name
  }

  dynamic "encryption" {
    for_each = var.kms_key == null ? [] : [var.kms_key]
    content {
      default_kms_key_name = encryption.value
    }
  }

  # What pods hand over and where trainings stood is worth nothing once a run is over.
  lifecycle_rule {
    condition {
      age            = var.scratch_days
      matches_prefix = ["runs/", "checkpoints/", "jobs/"]
    }
    action {
      type = "Delete"
    }
  }

  lifecycle_rule {
    condition {
      age            = var.log_days
      matches_prefix = ["logs/"]
    }
    action {
      type = "Delete"
    }
  }

  # DVC names objects by their content, so old versions of an object are only ever what somebody deleted.
  lifecycle_rule {
    condition {
      days_since_noncurrent_time = var.undelete_days
    }
    action {
      type = "Delete"
    }
  }
}

resource "google_storage_bucket" "log" {
  #checkov:skip=CKV_GCP_62:the bucket of the access log does not log its own access
  name                        = "${var.name}-log"
  location                    = var.location
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  versioning {
    enabled = true
  }

  lifecycle_rule {
    condition {
      age = var.log_days
    }
    action {
      type = "Delete"
    }
  }
}
