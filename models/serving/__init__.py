"""The layered model as a graph for serving: nothing that training depends on."""
