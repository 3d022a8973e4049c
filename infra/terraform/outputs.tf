output "storage" {
  description = "The workflow's parameter `storage`; DVC's remote is this and /dvc."
  value       = "gs://${module.storage.name}"
}

output "images" {
  description = "What image names begin with."
  value       = module.images.address
}

output "cluster" {
  description = "Name of the cluster."
  value       = module.cluster.name
}
