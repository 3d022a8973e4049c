output "objects" {
  description = "Kubernetes objects, by kind and name."
  value       = { for one in concat(local.objects, [local.forbidden], [local.workflow, local.nightly]) : "${one.kind}-${one.metadata.name}" => one }
}
