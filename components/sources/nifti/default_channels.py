"""The order of channels that is assumed if neither the source nor the user says which channel is which."""

from __future__ import annotations

from components.scans.scan import CHANNELS
from components.sources.reading import Options, Reading


def note(which: str, options: Options, reading: Reading) -> None:
    """Record that the order of channels is only the default, which nobody has confirmed.

    Args:
        which: what counts the channels, in words.
        options: options, for the meaning of channels.
        reading: reading that records the note.
    """
    if not options.from_source and tuple(options.channels) == CHANNELS:
        what = f"{which} are taken as {', '.join(CHANNELS)}, in this order (ingest.channels)"
        reading.add("choice", reading.patient, what, "lay the set's dataset.json beside the folders if they are not")
