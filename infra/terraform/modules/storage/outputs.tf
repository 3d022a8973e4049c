output "name" {
  description = "The bucket; the workflow's parameter `storage` is gs:// and this."
  value       = google_storage_bucket.shared.name
}
