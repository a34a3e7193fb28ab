"""How a store is asked to keep a collection's vectors; in the terms of a Qdrant server."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import Enum


class Quantization(Enum):
    """Into how much smaller vectors the search for candidates may look."""

    SCALAR_INT8 = "scalar_int8"
    BINARY = "binary"


@dataclass(frozen=True, slots=True)
class StorageSettings:
    """What was asked for; None is the store's own default.

    ``hnsw_m`` edges a node (0: no graph), ``hnsw_ef_construct`` neighbours looked at while the
    graph is built. None of it moves a similarity that a search shows: those are exact.
    """

    shard_number: int | None = None
    replication_factor: int | None = None
    write_consistency_factor: int | None = None
    hnsw_m: int | None = None
    hnsw_ef_construct: int | None = None
    on_disk: bool | None = None
    on_disk_payload: bool | None = None
    quantization: Quantization | None = None

    @property
    def asked(self) -> tuple[str, ...]:
        """The settings that were asked for, by their paths in the contract."""
        names = [field.name for field in fields(self) if getattr(self, field.name) is not None]
        return tuple(name.replace("hnsw_", "hnsw_config.") for name in names)


# Everything as the store does it unasked.
STORE_DEFAULTS = StorageSettings()
