"""How a network is trained: decoded once, batched by step, checkpointed, validated by patient, resumed where killed."""
