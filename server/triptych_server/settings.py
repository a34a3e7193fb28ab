"""What an operator sets: environment variables ``TRIPTYCH_...``, or flags of the same names."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, CliImplicitFlag, SettingsConfigDict

from triptych_server.domain.api_keys import split_keys
from triptych_server.domain.decoding import Decoding
from triptych_server.domain.limits import Limits
from triptych_server.domain.ocr_language import is_language_code
from triptych_server.domain.store_place import QdrantAddress, parse_store

PREFIX = "TRIPTYCH_"

# About half of it for the process and its libraries; the costliest format known, JPEG 2000 with an
# alpha channel, takes 24 bytes a pixel.
_DECODER_BYTES, _BYTES_A_PIXEL = 256 * 1024 * 1024, 32


class Settings(BaseSettings):
    """The Triptych server.

    Every setting is a flag or an environment variable: --max-queue is TRIPTYCH_MAX_QUEUE.
    --version shows the version.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        cli_kebab_case=True,
        cli_prog_name="triptych-server",
        cli_exit_on_error=False,
        frozen=True,
    )

    listen: str = Field(
        "127.0.0.1:50051", description="host:port to listen on; port 0 takes a free one"
    )
    tls_certificate: Path | None = Field(
        None, description="PEM file of the server's certificate and those between it and its CA"
    )
    tls_key: Path | None = Field(
        None, description="PEM file of the certificate's private key", validate_default=True
    )
    tls_client_ca: Path | None = Field(
        None, description="PEM file of the CA whose certificates clients have to show (mTLS)"
    )
    api_keys: SecretStr | None = Field(
        None, description="API keys that callers may use, joined by commas; better not as a flag"
    )
    api_keys_file: Path | None = Field(None, description="a file with such keys, one a line")
    store: str = Field(
        "embedded:./data",
        description="where vectors are kept: embedded:FOLDER or qdrant://HOST:PORT",
    )
    qdrant_api_key: SecretStr | None = Field(
        None, description="the API key of the Qdrant server; better not as a flag"
    )
    pictures: str = Field(
        "auto",
        description="where pictures are kept: folder:PATH, a URL that fsspec knows such as "
        "s3://BUCKET/PATH, or auto (the folder pictures of the embedded store)",
        validate_default=True,
    )
    encoders: str = Field(
        "clip-vit-b-32",
        description="encoders, the default one first: names or NAME=FOLDER, joined by commas",
    )
    device: str = Field(
        "auto", description="cpu, cuda (no start without it) or auto (cuda where it works)"
    )
    device_ids: str = Field(
        "0", description="GPUs that each run the models, as CUDA numbers them, joined by commas"
    )
    gpu_memory_bytes: int = Field(
        0,
        ge=0,
        description="memory of a GPU that each of an encoder's two models may take; 0 for all",
    )
    threads: int = Field(0, ge=0, le=256, description="threads of a model run; 0 takes all cores")
    model_cache: Path = Field(
        Path("~/.cache/triptych/models"), description="where published models are kept"
    )
    max_image_batch: int = Field(
        0, ge=0, le=1024, description="pictures of one model run; 0 takes 8, and 64 on a GPU"
    )
    max_text_batch: int = Field(
        0, ge=0, le=4096, description="texts of one model run; 0 takes 32, and 256 on a GPU"
    )
    max_queue: int = Field(4096, ge=1, le=1_000_000, description="inputs that may wait for a model")
    pictures_in_flight: int = Field(
        8, ge=1, le=256, description="decoded pictures at a time, of upserts and of queries each"
    )
    query_cache_size: int = Field(
        1024, ge=0, le=1_000_000, description="texts and pictures of queries kept; 0 keeps none"
    )
    query_cache_seconds: float = Field(
        300.0, gt=0, le=86_400, description="how long each of them is kept"
    )
    ocr_engine: str = Field(
        "auto",
        description="how pictures are read: tesseract (a program), tesserocr (processes that keep "
        "it loaded) or auto (tesserocr where it works)",
    )
    ocr_language: str = Field(
        "eng",
        description="Tesseract language where the collection's own is not installed; if set, it "
        "has to be installed",
    )
    ocr_workers: int = Field(
        0, ge=0, le=64, description="pictures read at a time; 0 takes all cores"
    )
    ocr_time_limit_ms: int = Field(
        20_000, ge=1, le=120_000, description="time limit of reading one picture"
    )
    max_message_bytes: int = Field(
        32 * 1024 * 1024, ge=65_536, le=2**31 - 1, description="largest message, both ways"
    )
    max_bytes_in_flight: int = Field(
        512 * 1024 * 1024, ge=65_536, description="bytes of all requests being answered"
    )
    max_image_bytes: int = Field(
        20 * 1024 * 1024, ge=1024, le=2**31 - 1, description="largest picture file"
    )
    max_image_pixels: int = Field(
        50_000_000, ge=64, le=2**31 - 1, description="most pixels of a picture"
    )
    decode_workers: int = Field(
        0, ge=0, le=64, description="processes that decode pictures; 0 takes all cores"
    )
    decode_time_limit_ms: int = Field(
        30_000, ge=100, le=600_000, description="time limit of decoding one picture"
    )
    decode_memory_bytes: int = Field(
        0,
        ge=0,
        description="memory of a process that decodes pictures; 0 takes 256 MiB and 32 bytes for "
        "each pixel of the largest picture",
    )
    jpeg_decoding: str = Field(
        "scaled",
        description="how new collections take JPEGs in: scaled (fast; no vector moves by more than "
        "0.1 %) or exact",
    )
    reflection: CliImplicitFlag[bool] = Field(
        True, description="whether the server describes its services"
    )
    drain_seconds: float = Field(
        0.0, ge=0, le=600, description="wait between NOT_SERVING and closing, for load balancers"
    )
    grace_seconds: float = Field(
        10.0, ge=0, le=3600, description="how long running calls may take when stopping"
    )
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR")

    @field_validator("log_level")
    @classmethod
    def _known_level(cls, value: str) -> str:
        if value.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
            raise ValueError("needs DEBUG, INFO, WARNING or ERROR")
        return value.upper()

    @field_validator("jpeg_decoding")
    @classmethod
    def _known_decoding(cls, value: str) -> str:
        if value not in set(Decoding):
            raise ValueError(f"needs {' or '.join(Decoding)}")
        return value

    @field_validator("device")
    @classmethod
    def _known_device(cls, value: str) -> str:
        if value not in ("cpu", "cuda", "auto"):
            raise ValueError("needs cpu, cuda or auto")
        return value

    @field_validator("device_ids")
    @classmethod
    def _are_gpus(cls, value: str, info: ValidationInfo) -> str:
        ids = [part.strip() for part in value.split(",")]
        whole = all(part.isascii() and part.isdigit() and len(part) < 4 for part in ids)
        if not whole or len({int(part) for part in ids}) < len(ids):
            raise ValueError("needs numbers from 0 to 999, joined by commas, none twice")
        if len(ids) > 1 and info.data.get("device") == "cpu":
            raise ValueError(f"needs {PREFIX}DEVICE=cuda for more than one")
        return value

    @field_validator("ocr_engine")
    @classmethod
    def _known_engine(cls, value: str) -> str:
        if value not in ("tesseract", "tesserocr", "auto"):
            raise ValueError("needs tesseract, tesserocr or auto")
        return value

    @field_validator("model_cache", mode="before")
    @classmethod
    def _is_a_folder(cls, value: str | Path) -> str | Path:
        if not str(value):
            raise ValueError("needs a folder")
        return value

    @field_validator("ocr_language")
    @classmethod
    def _is_a_language(cls, value: str) -> str:
        if not is_language_code(value):
            raise ValueError("needs a language as Tesseract names it, such as eng or deu+eng")
        return value

    @field_validator("listen")
    @classmethod
    def _has_port(cls, value: str) -> str:
        host, colon, port = value.rpartition(":")
        if not (host and colon and port.isdigit() and int(port) < 65_536):
            raise ValueError("needs host:port, port 0 to 65535")
        return value

    @field_validator("tls_certificate", "tls_key", "tls_client_ca", "api_keys_file", mode="before")
    @classmethod
    def _is_a_file(cls, value: str | Path | None) -> str | Path | None:
        if value and not os.path.isfile(value):
            raise ValueError("needs a file that is there")
        return value or None

    @field_validator("tls_key", "tls_client_ca")
    @classmethod
    def _with_certificate(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        certificate = info.data.get("tls_certificate")
        if value and not certificate and "tls_certificate" in info.data:
            raise ValueError(f"needs {PREFIX}TLS_CERTIFICATE beside it")
        if certificate and not value and info.field_name == "tls_key":
            raise ValueError("needs the private key of the certificate")
        return value

    @field_validator("api_keys")
    @classmethod
    def _are_keys(cls, value: SecretStr | None) -> SecretStr | None:
        split_keys(value)
        return value

    @field_validator("store")
    @classmethod
    def _known_store(cls, value: str) -> str:
        parse_store(value)
        return value

    @field_validator("qdrant_api_key")
    @classmethod
    def _fits_a_header(cls, value: SecretStr | None) -> SecretStr | None:
        text = value.get_secret_value() if value else ""
        if not (text.isascii() and text.isprintable()):
            raise ValueError("needs a text of printable ASCII")
        return value

    @field_validator("pictures")
    @classmethod
    def _known_pictures(cls, value: str, info: ValidationInfo) -> str:
        store = info.data.get("store")
        if value == "auto" and store and not isinstance(parse_store(store), Path):
            raise ValueError("needs folder:PATH or a URL, since the store is no folder")
        kind, _, path = value.partition(":")
        is_place = kind and path.strip("/") and (kind == "folder" or path.startswith("//"))
        if value != "auto" and not is_place:
            raise ValueError("needs folder:PATH, a URL such as s3://BUCKET/PATH, or auto")
        return value

    @field_validator("encoders")
    @classmethod
    def _names_one(cls, value: str) -> str:
        names = [part.partition("=")[0].strip() for part in value.split(",")]
        if not all(names) or len(set(names)) < len(names):
            raise ValueError("needs NAME or NAME=FOLDER, joined by commas, no name twice")
        return value

    @property
    def store_place(self) -> Path | QdrantAddress:
        """The folder of the embedded store, or the address of the Qdrant server."""
        return parse_store(self.store)

    @property
    def qdrant_key(self) -> str | None:
        """The API key of the Qdrant server; None where it is unset or empty."""
        return (self.qdrant_api_key and self.qdrant_api_key.get_secret_value()) or None

    @property
    def pictures_place(self) -> Path | str:
        """The folder in which pictures are kept, or the URL of the store that keeps them."""
        kind, _, path = self.pictures.partition(":")
        if self.pictures == "auto":
            place = self.store_place
            assert isinstance(place, Path), "checked when the settings were read"
            return place / "pictures"
        if kind == "folder":
            return Path(path).expanduser()
        if kind == "file":
            return Path(path.removeprefix("//"))
        return self.pictures

    @property
    def encoder_specs(self) -> tuple[tuple[str, str], ...]:
        """(id, folder or name) of each encoder, the default one first."""
        pairs = (part.strip().partition("=") for part in self.encoders.split(","))
        return tuple((name, folder or name) for name, _, folder in pairs)

    @property
    def gpus(self) -> tuple[int, ...]:
        """The GPUs that each run the models."""
        return tuple(int(part) for part in self.device_ids.split(","))

    @property
    def thread_count(self) -> int:
        """Threads of a model run."""
        return self.threads or _cores()

    @property
    def ocr_worker_count(self) -> int:
        """Pictures read at a time."""
        return self.ocr_workers or _cores()

    @property
    def decode_worker_count(self) -> int:
        """Pictures decoded at a time, each in a process."""
        return self.decode_workers or _cores()

    @property
    def decoding(self) -> Decoding:
        """How new collections take JPEGs in."""
        return Decoding(self.jpeg_decoding)

    @property
    def decode_memory(self) -> int:
        """Bytes of address space of a process that decodes pictures."""
        return self.decode_memory_bytes or _DECODER_BYTES + _BYTES_A_PIXEL * self.max_image_pixels

    @property
    def limits(self) -> Limits:
        """The caps that requests are held to."""
        return Limits(
            max_message_bytes=self.max_message_bytes,
            max_image_bytes=self.max_image_bytes,
            max_image_pixels=self.max_image_pixels,
        )


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
