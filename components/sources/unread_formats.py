"""Formats of head images that are not read: what they are called, and what converts them to NIfTI."""

from __future__ import annotations

from collections.abc import Iterable

_ITK = "with 3D Slicer, or in Python: SimpleITK.WriteImage(SimpleITK.ReadImage(IN), OUT)"
# Name of the format, suffixes of its files, and how to convert it.
_FORMATS = (
    ("MetaImage", (".mha", ".mhd"), _ITK),
    ("NRRD", (".nrrd", ".nhdr"), _ITK),
    ("GIPL", (".gipl", ".gipl.gz"), _ITK),
    ("FreeSurfer's MGH", (".mgz", ".mgh"), "with FreeSurfer: mri_convert IN OUT"),
    ("Analyze", (".img", ".hdr", ".img.gz", ".hdr.gz"), "with FSL: fslchfiletype NIFTI_GZ IN"),
    ("AFNI", (".head", ".brik", ".brik.gz"), "with AFNI: 3dAFNItoNIFTI -prefix OUT IN"),
    ("MINC", (".mnc", ".mnc.gz"), "with the MINC tools: mnc2nii IN OUT"),
    ("Philips PAR/REC", (".par", ".rec"), "with dcm2niix FOLDER"),
    ("MRtrix", (".mif", ".mif.gz", ".mih"), "with MRtrix: mrconvert IN OUT"),
    ("ECAT", (".v",), "with dcm2niix FOLDER"),
)
SUFFIXES = tuple(suffix for _, suffixes, _ in _FORMATS for suffix in suffixes)


def what_and_remedy(paths: Iterable[str]) -> tuple[str, str] | None:
    """Return the unread formats among these files, and how to convert them; None if there are none."""
    names = [path.lower() for path in paths]
    found = {
        f"{name} ({', '.join(there)})": how
        for name, suffixes, how in _FORMATS
        if (there := [suffix for suffix in suffixes if any(name.endswith(suffix) for name in names)])
    }
    if not found:
        return None
    verb = "is" if len(found) == 1 else "are"
    return f"{' and '.join(found)} {verb} not read", f"convert to NIfTI, {', or '.join(dict.fromkeys(found.values()))}"
