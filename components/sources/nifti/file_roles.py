"""Which of a patient's NIfTI files is which sequence, and which are left over."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import nibabel as nib

from components.scans.scan import CHANNELS
from components.sources.nifti import bids_names, default_channels, folder_names, mask_words, one_person
from components.sources.nifti.file_names import Role, roles, stem
from components.sources.reading import DAMAGE, Options, Reading
from components.sources.words.plain_text import spaced

ROLE_NAMES = {"pre": "T1", "post": "T1 with contrast agent", "flair": "FLAIR", "mask": "the mask"}
NAMES = "call them by what they are: flair, t1, t1ce, seg; BIDS names are known, too (docs/how-to/real-scans.md)"
SHOWN = 5  # names shown in one line
_CHANNEL = re.compile(r"_(\d{4})$")


def sort(
    paths: Sequence[Path], place: Path | None, options: Options, reading: Reading, masks: bool = True
) -> dict[str, Path]:
    """Return files by role: "pre", "flair", "post", "mask", and "stack" for a possible 4-D file; records anything odd.

    Args:
        paths: files of the patient.
        place: patient's own folder or 4-D file, whose name files begin with; None if they lie among others'.
        options: options, for the meaning of channels.
        reading: reading that records problems.
        masks: whether masks are of interest.
    """
    known = _roles(paths, place, options, reading)
    found: dict[str, Path] = {}
    for what in ("flair", "pre", "post", *(["mask"] if masks else [])):
        fitting = [path for path in paths if known[path].what == what]
        if fitting:
            found[what] = _choose(what, fitting, known, reading)
    one_person.check(found, reading)
    if doubts := [f"{found[what].name} ({known[found[what]].doubt})" for what in found if known[found[what]].doubt]:
        message = f"{', '.join(doubts)} is used as T1 without contrast agent: its name has no entity ce-"
        reading.add("choice", reading.patient, message, "add ce-<agent> to the name if agent was given")
    anatomy = [path.name for path in paths if known[path].what == "other" and known[path].doubt]
    if masks and anatomy and "mask" not in found:
        message = f"{', '.join(anatomy)}: ignored, {known[_named(paths, anatomy[0])].doubt} by its name"
        reading.add("unknown", reading.patient, message, "give the tumour's mask, e.g. as NAME_seg.nii.gz")
    _unknown([path for path in paths if known[path].what is None], found, reading)
    return found


def _named(paths: Sequence[Path], name: str) -> Path:
    return next(path for path in paths if path.name == name)


def _unknown(paths: list[Path], found: dict[str, Path], reading: Reading) -> None:
    """Handle files whose names say nothing: a single one may be 4-D and complete, others are ignored."""
    if "flair" not in found and (stack := _stack(paths)):
        found["stack"] = stack
        paths.remove(stack)
    if not paths:
        return
    listed = ", ".join(path.name for path in paths[:SHOWN]) + (", ..." if len(paths) > SHOWN else "")
    if "flair" in found or "stack" in found:
        reading.add("unknown", reading.patient, f"{listed}: ignored, because the name does not identify a sequence")
    else:
        what = f"no FLAIR; {listed}: the name does not identify a sequence, and it is not a 4-D file"
        reading.add("series", reading.patient, what, NAMES)


def _roles(paths: Sequence[Path], place: Path | None, options: Options, reading: Reading) -> dict[Path, Role]:
    """Roles by name; in nnU-Net's folders by the number at a name's end, which counts channels."""
    labels = {
        path: Role("mask", mask_words.rank(spaced(f"{path.parent.name} {stem(path.name)}")))
        for path in paths
        if path.parent != place and folder_names.holds_masks(path.parent.name)
    }
    pictures = [path for path in paths if path not in labels]
    numbers = [_CHANNEL.search(stem(path.name)) for path in pictures]
    names = {_CHANNEL.sub("", stem(path.name)) for path in pictures}
    only_one = options.from_source and len(options.channels) == 1
    if (len(pictures) > 1 or only_one) and all(numbers) and len(names) == 1:
        counted = {path: int(number[1]) for path, number in zip(pictures, numbers, strict=True) if number}
        return _by_number(counted, options, reading) | labels
    own = reading.patient if place is None else stem(place.name)
    known = roles([path.name for path in pictures], own)
    named = {path: known[path.name] for path in pictures}
    for path in pictures:  # FLAIR/image.nii.gz
        if named[path].what is None and place is not None and path.parent != place:
            named[path] = roles([path.parent.name], own)[path.parent.name]
    return named | labels


def _by_number(numbers: dict[Path, int], options: Options, reading: Reading) -> dict[Path, Role]:
    """Roles of channels, according to the source or `ingest.channels`; empty if that describes other channels."""
    channels = options.channels
    if sorted(numbers.values()) != list(range(len(channels))):
        what = f"{len(numbers)} files of channels, and ingest.channels names {len(channels)} ({', '.join(channels)})"
        remedy = "lay nnU-Net's dataset.json beside the folders, or name all in order, e.g. [flair, pre, post, t2]"
        reading.add("series", reading.patient, what, remedy)
        return dict.fromkeys(numbers, Role("other"))
    default_channels.note("the files' numbers", options, reading)
    return {
        path: Role(channels[number] if channels[number] in CHANNELS else "other") for path, number in numbers.items()
    }


def _choose(what: str, fitting: list[Path], known: dict[Path, Role], reading: Reading) -> Path:
    """Return the file of the highest rank; a tie is a problem, other files are reported."""
    best = max(known[path].rank for path in fitting)
    first, *more = _originals([path for path in fitting if known[path].rank == best], what)
    others = ", ".join(path.name for path in fitting if path != first)
    if more:
        remedy = "keep one of them there" if what != "mask" else "keep one, or make one mask of them"
        reading.add("series", reading.patient, f"{first.name}: several files for {what}, also {others}", remedy)
    elif others:
        message = f"{first.name} is used as {ROLE_NAMES[what]}, not {others}"
        reading.add("choice", reading.patient, message, "take the others out, or this one where it is wrong")
    return first


def _originals(paths: list[Path], what: str) -> list[Path]:
    """Leave out images that programs made of another one, whose name they extend: rP_t1, P_t1_synthsr, P_t1a."""
    stems = {path: stem(path.name).lower() for path in paths}
    if what != "mask" and all(bids_names.parse(stem(path.name)).measured for path in paths):
        return sorted(paths)[:1]  # runs of one sequence
    first = min(paths, key=lambda path: len(stems[path]))
    # A letter or a number of its own is a second acquisition's: P_t1_b, P_t1_2.
    extended = re.compile(rf".*{re.escape(stems[first])}([abc]|[^a-z0-9]+[a-z][a-z].*)?")
    return [first] if what != "mask" and all(map(extended.fullmatch, stems.values())) else paths


def _stack(unknown: list[Path]) -> Path | None:
    """The single possible 4-D file: the only one, or the only one whose header says so."""
    if len(unknown) == 1:
        return unknown[0]
    stacks = [path for path in unknown if dimensions(path) > 3]
    return stacks[0] if len(stacks) == 1 else None


def dimensions(path: Path) -> int:
    """Number of axes with more than one voxel, from a file's header; 0 if it can't be read."""
    try:
        return sum(size > 1 for size in nib.load(path).shape)
    except DAMAGE:
        return 0
