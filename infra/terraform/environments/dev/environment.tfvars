environment   = "dev"
undelete_days = 14
gpu_nodes     = 1
spot          = true
protected     = false
suspended     = true
