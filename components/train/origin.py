"""The origin of trained weights: all that they depend on, which decides whether a training can go on after a stop."""

from __future__ import annotations

from typing import Any

from components.common.params import Params
from components.train import devices, provenance, settings
from components.train.starting_network import Start


def origin_of(network: str, params: Params, data: dict[str, str], start: Start | None) -> dict[str, Any]:
    """Everything that the trained weights depend on, by hash or by name."""
    group, shared = getattr(params, network), params.training
    return {
        "code": provenance.code_hash(),
        "parameters": provenance.json_hash([params.seed, shared.deterministic, group.model_dump(mode="json")]),
        **data,
        "pretrained": settings.weights_hash(params, network),
        "start": start.digest if start else "",
        "started_from": list(start.lineage) if start else [],
        "precision": devices.precision(group.precision),
        "xla": devices.use_xla(shared.xla, deterministic=shared.deterministic),
    }
