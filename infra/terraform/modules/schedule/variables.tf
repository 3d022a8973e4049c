variable "namespace" {
  description = "Kubernetes namespace of the pods."
  type        = string
}

variable "objects" {
  description = "Kubernetes objects of the workflow, by kind and name: what the module `manifests` gives."
  type        = any
}

variable "chart" {
  description = "Version of Argo's Helm chart; this one brings Argo Workflows 4.1.0."
  type        = string
  default     = "2.0.1"
}
