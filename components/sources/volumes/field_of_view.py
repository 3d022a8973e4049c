"""Is a scan as large as a head? Wrong voxel sizes in all of a patient's files contradict nothing else."""

from __future__ import annotations

from nibabel.affines import voxel_sizes

from components.scans.geometry import Geometry
from components.sources.reading import Reading

# Millimetres. No scanner shows more than LARGEST, and no head is smaller than SMALLEST. FEW voxels may be a part that
# was cut out on purpose, unless even that is TINY.
LARGEST, SMALLEST, TINY = 500, 100, 30
FEW = 100  # voxels, or less


def check(flair: Geometry, where: str, reading: Reading) -> None:
    """Record a FLAIR whose longest side can't be that of a head."""
    sides = voxel_sizes(flair.affine) * flair.shape
    longest = float(sides.max())
    is_small = longest < (SMALLEST if flair.shape[int(sides.argmax())] >= FEW else TINY)
    if is_small or longest > LARGEST:
        measured = " x ".join(f"{side:.3g}" for side in sides)
        what = f"FLAIR measures {measured} mm, and a head doesn't; its voxel sizes are probably wrong"
        reading.add("choice", where, what, "volumes in ml depend on them: export it again with sizes in millimetres")
