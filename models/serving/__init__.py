"""The layered model as a graph that serves: what no training depends on."""
