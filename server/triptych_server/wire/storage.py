"""``StorageSettings``: from the message and back."""

from __future__ import annotations

from triptych.v1 import collection_pb2 as pb
from triptych_server.domain.errors import Reason
from triptych_server.domain.storage import STORE_DEFAULTS, Quantization, StorageSettings
from triptych_server.wire.violations import Violations

_QUANTIZATIONS = {
    pb.StorageSettings.QUANTIZATION_SCALAR_INT8: Quantization.SCALAR_INT8,
    pb.StorageSettings.QUANTIZATION_BINARY: Quantization.BINARY,
}


def parse_storage(
    message: pb.StorageSettings, violations: Violations, path: str = "storage"
) -> StorageSettings:
    """The settings; out of range ones are reported, and left unset."""

    def number(
        holder: pb.StorageSettings | pb.HnswConfig, name: str, at: str, low: int, high: int
    ) -> int | None:
        if not holder.HasField(name):  # type: ignore[arg-type]  # the names below are fields
            return None
        value: int = getattr(holder, name)
        if low <= value <= high:
            return value
        violations.add(
            f"{path}.{at}",
            Reason.FIELD_INVALID,
            "is out of range",
            got=value,
            allowed=f"{low} to {high}",
        )
        return None

    quantization = None
    if message.quantization:
        quantization = _QUANTIZATIONS.get(message.quantization)
        if quantization is None:
            what = "is not known"
            got = message.quantization
            violations.add(f"{path}.quantization", Reason.FIELD_INVALID, what, got=got)
    hnsw = message.hnsw_config
    return StorageSettings(
        shard_number=number(message, "shard_number", "shard_number", 1, 1024),
        replication_factor=number(message, "replication_factor", "replication_factor", 1, 64),
        write_consistency_factor=number(
            message,
            "write_consistency_factor",
            "write_consistency_factor",
            1,
            max(message.replication_factor, 1),
        ),
        hnsw_m=number(hnsw, "m", "hnsw_config.m", 0, 512),
        hnsw_ef_construct=number(hnsw, "ef_construct", "hnsw_config.ef_construct", 4, 4096),
        on_disk=message.on_disk if message.HasField("on_disk") else None,
        on_disk_payload=message.on_disk_payload if message.HasField("on_disk_payload") else None,
        quantization=quantization,
    )


def render_storage(storage: StorageSettings) -> pb.StorageSettings | None:
    """The settings as they were asked for; None where nothing was."""
    if storage == STORE_DEFAULTS:
        return None
    message = pb.StorageSettings(
        shard_number=storage.shard_number,
        replication_factor=storage.replication_factor,
        write_consistency_factor=storage.write_consistency_factor,
        on_disk=storage.on_disk,
        on_disk_payload=storage.on_disk_payload,
    )
    if storage.hnsw_m is not None or storage.hnsw_ef_construct is not None:
        message.hnsw_config.CopyFrom(
            pb.HnswConfig(m=storage.hnsw_m, ef_construct=storage.hnsw_ef_construct)
        )
    for wire, quantization in _QUANTIZATIONS.items():
        if quantization is storage.quantization:
            message.quantization = wire
    return message
