variable "name" {
  description = "Name of the bucket, unique in all of Google Cloud."
  type        = string
  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{2,57}$", var.name))
    error_message = "Lower-case letters, digits and dashes, 3 to 58 of them."
  }
}

variable "location" {
  description = "Region of the bucket; patients' data stays in it."
  type        = string
}

variable "kms_key" {
  description = "Full name of a key of your own for encryption at rest; null for Google's."
  type        = string
  default     = null
}

variable "scratch_days" {
  description = "Days after which hand-over and checkpoints are deleted; longer than any run."
  type        = number
  default     = 30
}

variable "undelete_days" {
  description = "Days within which a deleted object can be brought back."
  type        = number
  default     = 90
}

variable "log_days" {
  description = "Days for which the access log and the logs of pods are kept."
  type        = number
  default     = 400
}
