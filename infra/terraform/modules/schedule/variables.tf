variable "namespace" {
  description = "Kubernetes namespace of the pods."
  type        = string
}

variable "objects" {
  description = "Kubernetes objects of the workflow, by kind and name: what the module `manifests` gives."
  type        = any
}

variable "chart" {
  description = "Version of Argo's Helm chart."
  type        = string
  default     = "0.45.20"
}
