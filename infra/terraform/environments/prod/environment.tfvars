environment   = "prod"
undelete_days = 90
gpu_nodes     = 2
spot          = true
protected     = true
suspended     = false
