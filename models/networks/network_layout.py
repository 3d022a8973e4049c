"""Names of the files that hold a trained network; a module of its own, because reading a name needs no Keras."""

NETWORK, WEIGHTS = "network.json", "network.weights.h5"
