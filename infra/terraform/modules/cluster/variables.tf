variable "project" {
  description = "Id of the Google Cloud project."
  type        = string
}

variable "region" {
  description = "Region of the cluster."
  type        = string
}

variable "zones" {
  description = "Zones of the region that have machines; all have the GPU."
  type        = list(string)
  validation {
    condition     = length(var.zones) > 0
    error_message = "At least one zone."
  }
}

variable "node_account" {
  description = "Address of the machines' service account."
  type        = string
}

variable "administrators" {
  description = "Networks, as CIDR, from which kubectl may reach the cluster."
  type        = list(string)
  validation {
    condition     = !contains(var.administrators, "0.0.0.0/0")
    error_message = "Not from everywhere."
  }
}

variable "cpu_machine" {
  description = "Machine type for stages without GPU; it has to hold the largest of meta.resources in dvc.yaml."
  type        = string
  default     = "n2-standard-8"
}

variable "cpu_nodes" {
  description = "At most so many of them, in all zones together."
  type        = number
  default     = 3
}

variable "gpu_machine" {
  description = "Machine type for trainings."
  type        = string
  default     = "g2-standard-8"
}

variable "gpu" {
  description = "GPU of that machine."
  type        = string
  default     = "nvidia-l4"
}

variable "gpu_nodes" {
  description = "At most so many of them, in all zones together; the classifier and the segmenter train side by side."
  type        = number
  default     = 2
  validation {
    condition     = var.gpu_nodes >= 1 && var.gpu_nodes <= 16
    error_message = "1 to 16."
  }
}

variable "spot" {
  description = "Whether machines may be taken away, for a third of the price or less; pods go on from checkpoints."
  type        = bool
  default     = true
}

variable "protected" {
  description = "Whether the cluster is protected against deletion."
  type        = bool
}

variable "labels" {
  description = "Labels for the bill."
  type        = map(string)
  default     = {}
}
