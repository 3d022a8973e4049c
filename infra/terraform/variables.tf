variable "project" {
  description = "Id of the Google Cloud project."
  type        = string
}

variable "region" {
  description = "Region of everything."
  type        = string
  default     = "europe-west4"
}

variable "zones" {
  description = "Zones of the region that have machines; all have the GPU."
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

variable "revision" {
  description = "Branch, tag or commit of the repository that runs."
  type        = string
  default     = "main"
}

variable "settings" {
  description = "Parameters that differ from params.yaml, NAME=VALUE NAME=VALUE ...: the source of scans above all."
  type        = string
  validation {
    condition     = var.environment != "prod" || can(regex("(^|\\s)source=\\S", var.settings))
    error_message = "prod needs source=gs://...: without one, it would run on synthetic scans."
  }
}

variable "image_digests" {
  description = "Digests of the images, `sha256:...`, as the push has printed them: a run has to know what it ran."
  type        = object({ cpu = string, gpu = string })
  validation {
    condition     = alltrue([for each in values(var.image_digests) : can(regex("^sha256:[0-9a-f]{64}$", each))])
    error_message = "sha256: and 64 hexadecimal digits, each."
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
  description = "At most so many machines with a GPU, in all zones together."
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
