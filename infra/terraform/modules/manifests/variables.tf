variable "runner" {
  description = "Address of the workflow's service account."
  type        = string
}

variable "serving" {
  description = "Address of the account of servers."
  type        = string
}

variable "parameters" {
  description = "Parameters of the workflow template that differ from infra/argo/workflow-template.yaml."
  type        = map(string)
  validation {
    condition     = length(setsubtract(["repository", "settings", "storage", "logs", "image", "gpu-image"], keys(var.parameters))) == 0
    error_message = "Give repository, settings, storage, logs, image and gpu-image."
  }
}

variable "schedules" {
  description = "When it runs, cron with five fields."
  type        = list(string)
  default     = ["0 2 * * *"]
}

variable "timezone" {
  description = "Time zone of that."
  type        = string
  default     = "Europe/Berlin"
}

variable "suspended" {
  description = "Whether the schedule rests."
  type        = bool
  default     = false
}
