output "nodes" {
  description = "Address of the machines' account."
  value       = google_service_account.this["nodes"].email
}

output "runner" {
  description = "Address of the workflow's account."
  value       = google_service_account.this["runner"].email
}

output "serving" {
  description = "Address of the account of servers."
  value       = google_service_account.this["serving"].email
}
