"""The server of one layered model, run by LiteRT: it needs neither TensorFlow nor the workflow's packages."""
