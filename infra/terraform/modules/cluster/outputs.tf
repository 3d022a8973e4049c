output "name" {
  description = "For `gcloud container clusters get-credentials`."
  value       = google_container_cluster.this.name
}

output "endpoint" {
  description = "Address of its API."
  value       = google_container_cluster.this.endpoint
}

output "certificate" {
  description = "Certificate of its API, base64."
  value       = google_container_cluster.this.master_auth[0].cluster_ca_certificate
  sensitive   = true
}
