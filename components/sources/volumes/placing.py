"""Places the volumes of an examination relative to FLAIR, or says why their positions are unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from components.scans.scan import CHANNELS
from components.sources.reading import Reading
from components.sources.volumes import alignment, position
from components.sources.volumes.volume import Volume


def place(name: str, volume: Volume, flair: Volume, where: str, reading: Reading) -> Volume | None:
    """Place a volume relative to FLAIR.

    Args:
        name: "pre", "flair", "post", or words for a mask; names the volume in problems.
        volume: volume to place.
        flair: FLAIR of the same patient.
        where: name of the patient.
        reading: reading that records problems: of kind "position".

    Returns:
        The volume, with FLAIR's geometry if both have the same grid; None if its header contradicts FLAIR's.
    """
    forms = [
        (one, other)
        for one in (volume.geometry, volume.qform_geometry)
        for other in (flair.geometry, flair.qform_geometry)
    ]
    same = any(one is not None and other is not None and one.same_as(other) for one, other in forms)
    _check_frame(name, volume, flair, same, where, reading)
    if same or (
        volume.lacks_position and flair.lacks_position and position.is_same_grid(volume.geometry, flair.geometry)
    ):
        return replace(volume, geometry=flair.geometry)
    found = position.contradiction(
        volume.geometry,
        flair.geometry,
        lacks_position=(volume.lacks_position, flair.lacks_position),
        is_mask=name not in CHANNELS,
        by_slice=volume.header is None,
    ) or alignment.contradiction(volume.data, volume.geometry, flair.data, flair.geometry)
    if found is None:
        return volume
    what, remedy = found
    # DICOM's positions come from the scanner; no tool copies headers there.
    reading.add("position", where, f"{name}: {what}", "" if volume.header is None else remedy)
    return None


def _check_frame(name: str, volume: Volume, flair: Volume, same: bool, where: str, reading: Reading) -> None:
    """Record that positions are relative to different origins, so that they can't be compared.

    Args:
        same: whether both have the same voxels; then NIfTI's codes may differ, because programs write them carelessly.
    """
    if not volume.frame or not flair.frame or volume.frame[0] != flair.frame[0] or volume.frame == flair.frame:
        return
    if volume.frame[0] == "dicom":
        reading.add("position", where, f"{name} is placed in another frame of reference than FLAIR, or in none")
    elif not same:
        what = f"{name} is placed in the space of a {volume.frame[1]}, and FLAIR in that of a {flair.frame[1]}"
        reading.add("position", where, what, "give both in one space, best that of the patient's own FLAIR")


def place_mask(
    mask: Volume, volumes: Mapping[str, Volume], placed: Mapping[str, Volume | None], where: str, reading: Reading
) -> Volume | None:
    """Place a mask like the sequence on which it was drawn, if one has its geometry; else see `place`.

    Args:
        mask: mask to place.
        volumes: sequences by name, as read; they include FLAIR.
        placed: results of `place` for them.
        where, reading: see `place`.

    Returns:
        The mask with its geometry relative to FLAIR; None if that is unknown.
    """
    for name, volume in volumes.items():
        drawn_on = placed[name]
        if name != "flair" and drawn_on is not None and mask.geometry.same_as(volume.geometry):
            return replace(mask, geometry=drawn_on.geometry)
    return place("its mask", mask, volumes["flair"], where, reading)
