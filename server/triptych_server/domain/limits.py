"""The caps that every request is held to, and that GetStatus publishes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What a request may ask for. Bytes are bytes of UTF-8 where texts are meant."""

    max_message_bytes: int = 32 * 1024 * 1024
    max_items_per_upsert: int = 256
    max_id_bytes: int = 512
    max_text_bytes: int = 65_536
    max_payload_depth: int = 16
    max_payload_bytes: int = 65_536
    max_image_bytes: int = 20 * 1024 * 1024
    max_image_pixels: int = 50_000_000
    min_image_side: int = 8
    max_image_aspect: int = 50
    max_limit: int = 1000
    max_page_size: int = 1000
    max_candidate_count: int = 5000
    max_total_candidates: int = 20_000
    max_legs: int = 16
    max_examples: int = 64
    max_searches: int = 64
    max_similarities: int = 400_000
    max_weight: float = 1000.0
    max_composed_parts: int = 16
    max_filter_conditions: int = 256
    max_filter_values: int = 4096
    max_filter_depth: int = 16
    max_filter_expression_bytes: int = 65_536
    max_filter_text_bytes: int = 1024
    max_dimension: int = 65_536
    max_vectors_per_multivector: int = 256
    max_sparse_terms: int = 65_536
    max_vector_spaces: int = 16
    max_payload_fields: int = 64
    max_encode_inputs: int = 64
    max_ocr_time_limit_ms: int = 120_000
