variable "location" {
  description = "Region of the registry."
  type        = string
}
