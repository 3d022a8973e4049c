variable "project" {
  description = "Id of the Google Cloud project."
  type        = string
}

variable "bucket" {
  description = "The shared bucket."
  type        = string
}

variable "image_repository" {
  description = "Id of the repository that nodes pull images from."
  type        = string
}

variable "namespace" {
  description = "Kubernetes namespace of the pods."
  type        = string
}
