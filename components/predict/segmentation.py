"""A mask as DICOM SEG, which reading rooms open over the series that it was drawn on."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
from pydicom.sr.codedict import codes

from components.errors import UserError
from components.scans.scan import Scan
from components.sources.dicom.pixels import TO_RAS

NAME = "glioflow"


def write_segmentation(path: Path, scan: Scan, mask: np.ndarray, headers: list[Any]) -> None:
    """Write a binary segment that refers to the FLAIR images.

    Args:
        path: file to write.
        scan: with the geometry of FLAIR as it came.
        mask: bool [slices, height, width], on the scan's own slices.
        headers: of the FLAIR images, see `components.sources.dicom.flair_headers`.

    Raises:
        UserError: the headers lack what a segmentation has to repeat.
    """
    assert scan.source is not None
    drawn = scan.to_source(mask)
    volume = hd.Volume(
        drawn.astype(np.uint8),
        TO_RAS @ scan.source.affine,
        coordinate_system="PATIENT",
        frame_of_reference_uid=headers[0].get("FrameOfReferenceUID"),
    )
    release = version(NAME)
    algorithm = hd.AlgorithmIdentificationSequence(name=NAME, version=release, family=codes.DCM.ArtificialIntelligence)
    segment = hd.seg.SegmentDescription(
        segment_number=1,
        segment_label="tumour",
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=codes.SCT.Neoplasm,
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=algorithm,
    )
    try:
        outlined = hd.seg.Segmentation(
            source_images=headers,
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
            omit_empty_frames=bool(drawn.any()),  # a segmentation without any frame is none
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        kind = type(error).__name__  # its words may quote headers
        raise UserError(f"{scan.patient}: the headers of FLAIR don't allow a DICOM SEG ({kind}); use NIfTI") from error
    outlined.save_as(path)
