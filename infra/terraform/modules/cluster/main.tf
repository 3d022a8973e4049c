# A private GKE cluster: one small pool that is always there, one of bigger machines and one with GPUs that start at none.

terraform {
  required_version = ">= 1.9, < 2.0"
  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 6.0"
    }
  }
}

resource "google_compute_network" "this" {
  #checkov:skip=CKV2_GCP_18:GKE keeps the firewall of its own machines, and there are no others
  name                    = "glioflow"
  auto_create_subnetworks = false
}

resource "google_compute_subnetwork" "this" {
  #checkov:skip=CKV_GCP_76:no IPv6 in this network
  name                     = "glioflow"
  network                  = google_compute_network.this.id
  region                   = var.region
  ip_cidr_range            = "10.10.0.0/20"
  private_ip_google_access = true

  secondary_ip_range {
    range_name    = "pods"
    ip_cidr_range = "10.20.0.0/16"
  }

  secondary_ip_range {
    range_name    = "services"
    ip_cidr_range = "10.30.0.0/20"
  }

  log_config {
    flow_sampling = 0.1
  }
}

resource "google_container_cluster" "this" {
  #checkov:skip=CKV_GCP_65:who may administer is granted by IAM; a Google group for RBAC exists in Workspace only
  #checkov:skip=CKV_GCP_66:Binary Authorization needs an attestor that a site has to choose
  name                        = "glioflow"
  location                    = var.region
  network                     = google_compute_network.this.id
  subnetwork                  = google_compute_subnetwork.this.id
  remove_default_node_pool    = true
  initial_node_count          = 1
  enable_shielded_nodes       = true
  enable_intranode_visibility = true
  deletion_protection         = var.protected
  resource_labels             = var.labels

  release_channel {
    channel = "REGULAR"
  }

  workload_identity_config {
    workload_pool = "${var.project}.svc.id.goog"
  }

  ip_allocation_policy {
    cluster_secondary_range_name  = "pods"
    services_secondary_range_name = "services"
  }

  private_cluster_config {
    enable_private_nodes    = true
    enable_private_endpoint = false
    master_ipv4_cidr_block  = "172.16.0.0/28"
  }

  master_authorized_networks_config {
    dynamic "cidr_blocks" {
      for_each = var.administrators
      content {
        cidr_block = cidr_blocks.value
      }
    }
  }

  network_policy {
    enabled  = true
    provider = "CALICO"
  }

  # Without it the line above is a wish.
  addons_config {
    network_policy_config {
      disabled = false
    }
  }

  master_auth {
    client_certificate_config {
      issue_client_certificate = false
    }
  }

  node_config {
    service_account = var.node_account
    shielded_instance_config {
      enable_secure_boot          = true
      enable_integrity_monitoring = true
    }
    workload_metadata_config {
      mode = "GKE_METADATA"
    }
  }
}

# Private machines reach Git servers through this.
resource "google_compute_router" "this" {
  name    = "glioflow"
  region  = var.region
  network = google_compute_network.this.id
}

resource "google_compute_router_nat" "this" {
  name                               = "glioflow"
  router                             = google_compute_router.this.name
  region                             = var.region
  nat_ip_allocate_option             = "AUTO_ONLY"
  source_subnetwork_ip_ranges_to_nat = "ALL_SUBNETWORKS_ALL_IP_RANGES"
}

resource "google_container_node_pool" "this" {
  for_each           = local.pools
  name               = each.key
  cluster            = google_container_cluster.this.id
  node_locations     = each.value.zones
  initial_node_count = each.value.least / length(each.value.zones) # in each of the zones

  # In all zones together.
  autoscaling {
    total_min_node_count = each.value.least
    total_max_node_count = each.value.most
  }

  lifecycle {
    ignore_changes = [initial_node_count] # it is only ever read when a pool is made, and another one would make it anew
  }

  management {
    auto_repair  = true
    auto_upgrade = true
  }

  node_config {
    machine_type    = each.value.machine
    spot            = each.value.spot
    disk_type       = "pd-ssd"
    disk_size_gb    = each.value.disk
    image_type      = "COS_CONTAINERD"
    service_account = var.node_account
    oauth_scopes    = ["https://www.googleapis.com/auth/cloud-platform"]
    labels          = { "glioflow/pool" = each.key }
    resource_labels = var.labels

    dynamic "guest_accelerator" {
      for_each = each.value.gpu == null ? [] : [each.value.gpu]
      content {
        type  = guest_accelerator.value
        count = 1
        gpu_driver_installation_config {
          gpu_driver_version = "DEFAULT"
        }
      }
    }

    # Only pods that ask for a GPU come to these machines; pipelines/cluster/argo_pod.py tolerates this taint.
    dynamic "taint" {
      for_each = each.value.gpu == null ? [] : ["nvidia.com/gpu"]
      content {
        key    = taint.value
        value  = "present"
        effect = "NO_SCHEDULE"
      }
    }

    shielded_instance_config {
      enable_secure_boot          = true
      enable_integrity_monitoring = true
    }

    workload_metadata_config {
      mode = "GKE_METADATA"
    }
  }
}

locals {
  # Argo's controller and its server are on the first, which is never taken away; its one zone makes `least` a number of
  # machines. The others may be taken away, and start at none.
  pools = {
    system = {
      machine = "e2-standard-2", spot = false, disk = 50, gpu = null
      zones   = [var.zones[0]], least = 1, most = 2
    }
    cpu = {
      machine = var.cpu_machine, spot = var.spot, disk = 200, gpu = null
      zones   = var.zones, least = 0, most = var.cpu_nodes
    }
    gpu = {
      machine = var.gpu_machine, spot = var.spot, disk = 200, gpu = var.gpu
      zones   = var.zones, least = 0, most = var.gpu_nodes
    }
  }
}
