bucket = "example-terraform-state"
prefix = "glioflow/dev"
