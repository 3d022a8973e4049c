bucket = "example-terraform-state"
prefix = "glioflow/prod"
