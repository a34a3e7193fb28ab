"""Encoding without keeping, many callers at once, and what the batches leave unchanged."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.support.panels import draw_words
from triptych import Client, Vector, make_item
from triptych.v1.vector_pb2 import DenseVector


def test_embeddings_have_unit_length(client: Client) -> None:
    answer = client.encode(texts=["a cup of coffee", "boat"], images=[draw_words(["A"])])
    vectors = np.array([e.vector.values for e in answer.embeddings])
    assert vectors.shape == (3, client.status().encoders[0].dimension)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(3), abs=1e-6)
    assert answer.embeddings[0].tokens.token_count > answer.embeddings[1].tokens.token_count
    assert not answer.embeddings[2].HasField("tokens")


def test_a_vector_and_its_text_find_the_same(client: Client, new_id: Callable[[], str]) -> None:
    collection = client.create_collection(new_id()).id
    captions = ["a cup of coffee", "a sailing boat", "a dog with a ball", "three red apples"]
    client.upsert(collection, [make_item(c, caption=c) for c in captions])
    values = client.encode(texts=["something hot to drink"]).embeddings[0].vector.values
    weights = {"caption": 1.0}
    by_text = client.search(collection, text="something hot to drink", weights=weights)
    vector = Vector(dense=DenseVector(values=values))
    by_vector = client.search(collection, vector=vector, weights=weights)
    for one, other in zip(by_text.hits, by_vector.hits, strict=True):
        assert one.item.id == other.item.id
        similarity = other.vector_scores[0].similarity
        assert one.vector_scores[0].similarity == pytest.approx(similarity, abs=1e-5)


def test_many_callers_at_once_get_what_one_gets_alone(client: Client) -> None:
    """Batches are formed across calls; nobody's embedding depends on its neighbours."""
    texts = [f"{word} " * (1 + n % 7) for n, word in enumerate(["cat", "boat", "tree", "cup"] * 16)]

    def encode(text: str) -> list[float]:
        return list(client.encode(texts=[text]).embeddings[0].vector.values)

    alone = [encode(text) for text in texts]
    with ThreadPoolExecutor(32) as pool:
        together = list(pool.map(encode, texts))
    assert np.array(together) == pytest.approx(np.array(alone), abs=1e-6)


def test_a_text_that_is_too_long_says_so(client: Client, new_id: Callable[[], str]) -> None:
    long = "a very long question about cups and boats " * 40
    answer = client.encode(texts=[long])
    tokens = answer.embeddings[0].tokens
    assert tokens.truncated
    assert tokens.tokens_used == client.status().encoders[0].context_length
    assert tokens.token_count > 300
    assert [w.field for w in answer.warnings] == ["inputs[0].text"]
    collection = client.create_collection(new_id()).id
    client.upsert(collection, [make_item("a", caption="a cup")])
    found = client.search(collection, text=long)
    assert {leg.vector_name: leg.tokens.truncated for leg in found.legs} == {
        "image": True,
        "caption": True,
        "ocr": True,
        "terms": False,
    }
    assert found.warnings
