"""Losses of the segmenter, on probabilities, pooled over the batch, computed in float32.

Pooling over the batch instead of averaging over slices keeps slices without tumour harmless: alone they would give 0/0,
here they only contribute their false positives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import ops

SMOOTH = 1.0  # pixels; keeps the index at 1 and its gradient finite where reference and prediction are both empty
EPSILON = 1e-6  # the smallest probability passed to a logarithm
# Tumour is about 1 % of all pixels, so background dominates the plain cross-entropy and predicting no tumour is cheap.
# A weight of 10 raises tumour to about 10 %; the inverse frequency, 100, gives masks that are far too large.
TUMOR_WEIGHT = 10.0


def tversky_index(y_true: Any, y_pred: Any, alpha: float = 0.7) -> Any:
    """Tversky index, 0..1: TP / (TP + alpha FN + (1 - alpha) FP) (Salehi et al. 2017, arXiv 1706.05721, eq. 3).

    TP is the sum of min(y, p), as in the Dice semimetric (Wang et al. 2023, arXiv 2303.16296): for y in {0, 1} the same
    as y p, but for a pixel that is partly tumour the index is highest at p = y, and not at p = 1. In Salehi et al.
    alpha weights FP; here, as in Abraham and Khan 2018, it weights FN.

    Args:
        y_true: reference, the tumour fraction of each pixel, 0..1, any shape.
        y_pred: tumour probability, same shape.
        alpha: weight of false negatives; 0.5 gives Dice.
    """
    y_true, y_pred = ops.cast(y_true, "float32"), ops.cast(y_pred, "float32")
    tp = ops.sum(ops.minimum(y_true, y_pred))
    fn = ops.sum(ops.maximum(y_true - y_pred, 0.0))
    fp = ops.sum(ops.maximum(y_pred - y_true, 0.0))
    return (tp + SMOOTH) / (tp + alpha * fn + (1.0 - alpha) * fp + SMOOTH)


def tversky(y_true: Any, y_pred: Any) -> Any:
    """1 - Tversky index, alpha 0.7."""
    return 1.0 - tversky_index(y_true, y_pred)


def focal_tversky(y_true: Any, y_pred: Any) -> Any:
    """(1 - Tversky index) ** 0.75, alpha 0.7 (Abraham and Khan 2018, arXiv 1810.07842, whose gamma is 4/3).

    The power's slope is infinite at 0, hence the small offset.
    """
    return ops.power(ops.maximum(tversky(y_true, y_pred), 1e-6), 0.75)


def dice(y_true: Any, y_pred: Any) -> Any:
    """Soft Dice loss: 1 - 2 TP / (2 TP + FN + FP) (Milletari et al. 2016, arXiv 1606.04797)."""
    return 1.0 - tversky_index(y_true, y_pred, alpha=0.5)


def _neg_log(probability: Any) -> Any:
    """-log of a probability clipped at 1e-6; the gradient bypasses the clip, so that saturated pixels still learn."""
    limited = probability + ops.stop_gradient(ops.maximum(probability, EPSILON) - probability)
    return -ops.log(limited)


def _mean_neg_log(y_true: Any, y_pred: Any, weight: float) -> Any:
    y_true, y_pred = ops.cast(y_true, "float32"), ops.cast(y_pred, "float32")
    return ops.mean(weight * y_true * _neg_log(y_pred) + (1.0 - y_true) * _neg_log(1.0 - y_pred))


def crossentropy(y_true: Any, y_pred: Any) -> Any:
    """Mean cross-entropy per pixel, in nats; over two classes it is the same for a sigmoid and a softmax head."""
    return _mean_neg_log(y_true, y_pred, 1.0)


def weighted_crossentropy(y_true: Any, y_pred: Any) -> Any:
    """Cross-entropy in which a tumour pixel weighs 10: mean of -(10 y log p + (1 - y) log(1 - p)) over all pixels.

    The mean is over pixels rather than weights, so that a pixel's gradient doesn't depend on its batch.
    """
    return _mean_neg_log(y_true, y_pred, TUMOR_WEIGHT)


def dice_crossentropy(y_true: Any, y_pred: Any) -> Any:
    """Dice loss plus cross-entropy, equally weighted, as in nnU-Net.

    Isensee et al. 2021, doi:10.1038/s41592-020-01008-z.
    """
    return dice(y_true, y_pred) + crossentropy(y_true, y_pred)


LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    loss.__name__: loss
    for loss in (focal_tversky, tversky, dice, dice_crossentropy, crossentropy, weighted_crossentropy)
}
