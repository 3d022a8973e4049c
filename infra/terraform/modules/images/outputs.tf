output "address" {
  description = "What image names begin with."
  value       = "${var.location}-docker.pkg.dev/${google_artifact_registry_repository.images.project}/${google_artifact_registry_repository.images.repository_id}"
}

output "repository" {
  description = "Id of the repository, for grants."
  value       = google_artifact_registry_repository.images.id
}
