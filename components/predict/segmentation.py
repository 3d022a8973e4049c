"""A mask as DICOM SEG, which reading rooms open over the series that it outlines."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from nibabel.affines import voxel_sizes
from pydicom.dataset import Dataset

from components.common.errors import UserError
from components.common.files import atomic_file
from components.predict.seg_headers import source_headers
from components.scans.scan import Scan
from components.sources.dicom.datasets import silent
from components.sources.dicom.pixel_data import TO_RAS

if TYPE_CHECKING:
    import highdicom as hd

NAME = "glioflow"


@silent()
def write_segmentation(path: Path, scan: Scan, mask: np.ndarray, headers: list[Any], *, reviewed: bool = False) -> None:
    """Write a binary segment that refers to the FLAIR images.

    Args:
        path: output file.
        scan: scan with the original geometry of FLAIR.
        mask: bool [slices, height, width], on the scan's own slices.
        headers: headers of the FLAIR images, see `components.sources.dicom.flair_headers`.
        reviewed: whether a human has accepted or corrected the mask.

    Raises:
        UserError: the headers lack elements that a segmentation has to repeat.
    """
    assert scan.source is not None
    voxels = scan.to_source(mask)
    thickness = float(voxel_sizes(scan.source.affine)[0])  # its slices are its first axis, whatever their plane
    sources, missing = source_headers(headers, thickness)
    if missing:
        raise UserError(
            f"a DICOM SEG needs {', '.join(missing)} on every FLAIR image, and a different SOPInstanceUID on each; add "
            "what is missing to the files"
        )
    series = {str(source.SOPInstanceUID): source.SeriesInstanceUID for source in sources}
    for source in sources:  # each slice may have its own series
        source.SeriesInstanceUID = sources[0].SeriesInstanceUID
    try:
        outlined = _segmentation(sources, voxels, TO_RAS @ scan.source.affine, reviewed)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        kind = type(error).__name__  # its message may quote headers
        raise UserError(f"the headers of FLAIR don't allow a DICOM SEG ({kind}); export them again") from error
    if len(set(series.values())) > 1:
        outlined.ReferencedSeriesSequence = _by_series(outlined.SourceImageSequence, series)
    with atomic_file(path) as part:
        outlined.save_as(part)


def _segmentation(sources: list[Dataset], mask: np.ndarray, affine: np.ndarray, reviewed: bool) -> hd.seg.Segmentation:
    """Build one segment on the volume of `sources`, whose affine in LPS is given."""
    import highdicom as hd  # slow, and only predictions of DICOM need it
    from pydicom.sr.codedict import codes

    volume = hd.Volume(
        mask.astype(np.uint8),
        affine,
        coordinate_system="PATIENT",
        frame_of_reference_uid=sources[0].FrameOfReferenceUID,
    )
    release = version(NAME)
    algorithm = hd.AlgorithmIdentificationSequence(name=NAME, version=release, family=codes.DCM.ArtificialIntelligence)
    kinds = hd.seg.SegmentAlgorithmTypeValues
    segment = hd.seg.SegmentDescription(
        segment_number=1,
        segment_label="tumour",
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=codes.SCT.Neoplasm,
        algorithm_type=kinds.SEMIAUTOMATIC if reviewed else kinds.AUTOMATIC,
        algorithm_identification=algorithm,
    )
    return hd.seg.Segmentation(
        source_images=sources,
        pixel_array=volume,
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[segment],
        series_instance_uid=hd.UID(),
        series_number=900,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer=NAME,
        manufacturer_model_name=NAME,
        software_versions=release,
        device_serial_number="none",
        series_description="tumour, for research, not for diagnosis",
        omit_empty_frames=bool(mask.any()),  # a segmentation must have at least one frame
    )


def _by_series(images: Iterable[Dataset], series: dict[str, str]) -> list[Dataset]:
    """References to images, sorted by the series of each."""
    items: dict[str, Dataset] = {}
    for image in images:
        name = series[str(image.ReferencedSOPInstanceUID)]
        item = items.setdefault(name, Dataset())
        item.SeriesInstanceUID = name
        item.ReferencedInstanceSequence = [*item.get("ReferencedInstanceSequence", []), image]
    return list(items.values())
