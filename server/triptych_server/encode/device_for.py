"""Which device a model of some precision runs on."""

from __future__ import annotations

import logging

from triptych_server.encode.errors import DeviceError
from triptych_server.encode.model_folder import ModelFolder, Precision
from triptych_server.encode.session import CUDA, Device

logger = logging.getLogger(__name__)


def device_for(folder: ModelFolder, wanted: Device) -> Device:
    """The device to load the models of ``folder`` on where ``wanted`` is asked for.

    int8 is made for processors: ``auto`` takes the CPU for it, and ``cuda`` raises DeviceError. A
    warning says where fp16 would run on a CPU, which computes it in fp32 and gains nothing.
    """
    match folder.precision, wanted:
        case Precision.INT8, Device.CUDA:
            raise DeviceError(
                f"device cuda: {folder.name} {folder.revision} is in int8, which runs on the CPU "
                "alone; the precision for a GPU is fp16"
            )
        case Precision.INT8, _:
            return Device.CPU
        case Precision.FP16, _ if wanted is Device.CPU or not _has_cuda():
            logger.warning(
                "%s %s is in fp16, which the CPU computes in fp32: that gains nothing here",
                folder.name,
                folder.revision,
            )
    return wanted


def _has_cuda() -> bool:
    import onnxruntime

    return CUDA in onnxruntime.get_available_providers()
