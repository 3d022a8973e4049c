variable "project" {
  description = "Id of the Google Cloud project."
  type        = string
}

variable "region" {
  description = "Region of everything."
  type        = string
  default     = "europe-west4"
}

variable "gpu_zones" {
  description = "Zones of the region that have the GPU."
  type        = list(string)
  default     = ["europe-west4-a", "europe-west4-b"]
}

variable "bucket" {
  description = "Name of the shared bucket, unique in all of Google Cloud."
  type        = string
}

variable "administrators" {
  description = "Networks, as CIDR, from which kubectl may reach the cluster."
  type        = list(string)
}

variable "repository" {
  description = "Git repository with dvc.yaml."
  type        = string
}

variable "release" {
  description = "Tag of the images."
  type        = string
  validation {
    condition     = var.release != "latest"
    error_message = "A release, not latest: a run has to know what it ran."
  }
}

variable "environment" {
  description = "Name of the environment."
  type        = string
  validation {
    condition     = contains(["dev", "prod"], var.environment)
    error_message = "dev or prod."
  }
}

variable "undelete_days" {
  description = "Days within which a deleted object of the bucket can be brought back."
  type        = number
}

variable "gpu_nodes" {
  description = "At most so many machines with a GPU."
  type        = number
}

variable "spot" {
  description = "Whether machines may be taken away, for a third of the price or less."
  type        = bool
}

variable "protected" {
  description = "Whether the cluster is protected against deletion."
  type        = bool
}

variable "suspended" {
  description = "Whether the schedule rests."
  type        = bool
}
