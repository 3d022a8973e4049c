"""Does training start from a network that knows patients who are to be tested? Checked before the first stage."""

from __future__ import annotations

from components.common.errors import UserError
from components.common.params import Params
from components.train.starting_network import read_start, refuse_tested
from pipelines.checks.library_checks import NETWORKS, is_up_to_date
from pipelines.paths import SPLITS


def check_tested(chosen: Params, *, everybody: bool = False) -> None:
    """Refuse a start that was trained or chosen on a test patient, as far as the splits are known yet.

    Training checks again, once its splits are made. Until then, splits of other scans or parameters say nothing.

    Args:
        chosen: parameters, as already written to params.yaml.
        everybody: whether each patient will be tested once, by cross-validation.

    Raises:
        UserError: it was; the message counts them.
    """
    starts = {network: start for network in NETWORKS if (start := read_start(chosen, network))}
    if not starts or not SPLITS.is_file():
        return
    # Imported only if needed: every run makes these checks.
    from components.common.tables import read_splits
    from components.scans.identity import fingerprint

    try:
        table = read_splits(SPLITS)
        tested = {fingerprint(name) for name in table["patient"][everybody | (table["split"] == "test")]}
        for network, start in starts.items():
            refuse_tested(start, network, tested)
    except UserError:
        if is_up_to_date("ingest" if everybody else "split"):
            raise
