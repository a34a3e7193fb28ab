"""BM25 terms, held to those of the real fastembed; nothing is asked of the network."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from triptych_server.domain.vectors import SparseVector
from triptych_server.encode.stopwords import ENGLISH
from triptych_server.encode.terms import (
    AVERAGE_LENGTH,
    MAX_TERM_LENGTH,
    B,
    Bm25Terms,
    K,
    normalised,
)

if TYPE_CHECKING:
    from fastembed import SparseEmbedding, SparseTextEmbedding

SERVER = Path(__file__).parents[3] / "server"


@pytest.fixture(scope="module")
def terms() -> Iterator[Bm25Terms]:
    terms = Bm25Terms()
    yield terms
    terms.close()


# Of fastembed's own names for languages; None has no stemmer.
COMPARED = {"en": "english", "de": "german", "tr": "turkish", "ar": "arabic", "ja": None}


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, SparseTextEmbedding]:
    """fastembed's models, which fetch nothing where they are given a folder and stop words."""
    from fastembed import SparseTextEmbedding

    folder = str(tmp_path_factory.mktemp("fastembed"))
    return {
        language: SparseTextEmbedding(
            "Qdrant/bm25",
            cache_dir=folder,
            specific_model_path=folder,
            k=K,
            b=B,
            avg_len=AVERAGE_LENGTH,
            language=name or language,
            token_max_length=MAX_TERM_LENGTH,
            disable_stemmer=name is None,
            stopwords=set(ENGLISH) if language == "en" else set(),
        )
        for language, name in COMPARED.items()
    }


def as_theirs(vector: SparseVector, embedding: SparseEmbedding) -> bool:
    """Whether the two are equal to the last bit of a stored weight."""
    wanted = dict(zip(embedding.indices, embedding.values.astype(np.float32), strict=True))
    return weights(vector) == wanted


@given(st.text(max_size=200), st.sampled_from([*COMPARED]))
@example("Serial SN-4821-QX, made in Bergen by O'Brien’s lantern makers", "en")
@example("lantern lanterns LANTERN the of " * 20, "en")
@example("Größe und Äpfel für Müller, Straße 9", "de")
async def test_vectors_are_those_of_fastembed(
    terms: Bm25Terms, theirs: Mapping[str, SparseTextEmbedding], text: str, language: str
) -> None:
    given = normalised(text, language)
    (document,) = theirs[language].embed(given)
    assert as_theirs(await terms.encode_document(text, language), document)
    (query,) = theirs[language].query_embed(given)
    assert as_theirs(await terms.encode_query(text, language), query)


@pytest.mark.parametrize("language", ["en", "ja"])
async def test_every_character_counts_as_it_does_for_fastembed(
    terms: Bm25Terms, theirs: Mapping[str, SparseTextEmbedding], language: str
) -> None:
    known = [chr(n) for n in range(sys.maxunicode + 1) if unicodedata.category(chr(n)) != "Cn"]
    words = ["".join(known[n : n + 20]) for n in range(0, len(known), 20)]
    for n in range(0, len(words), 500):
        text = " ".join(words[n : n + 500])
        (document,) = theirs[language].embed(normalised(text, language))
        assert as_theirs(await terms.encode_document(text, language), document)


def weights(vector: SparseVector) -> dict[int, float]:
    return dict(zip(vector.indices.tolist(), vector.values.tolist(), strict=True))


def check_shape(vector: SparseVector) -> None:
    assert vector.indices.dtype == np.uint32
    assert vector.values.dtype == np.float32
    assert vector.indices.shape == vector.values.shape == (len(vector),)
    assert (np.diff(vector.indices.astype(np.int64)) > 0).all()
    assert (vector.values > 0).all()


async def test_weights_follow_the_formula(terms: Bm25Terms) -> None:
    """Six words, of them "lantern" three times: f = 3 and 1, n = 6, k = 1.2, b = 0.75."""
    vector = await terms.encode_document("lantern lantern lantern harbour glass silver", "en")
    norm = 1.2 * (1 - 0.75 + 0.75 * 6 / 256)
    once, thrice = 2.2 / (1 + norm), 3 * 2.2 / (3 + norm)
    assert sorted(vector.values) == pytest.approx([once, once, once, thrice], rel=1e-6)
    query = await terms.encode_query("lantern", "en")
    assert weights(query) == {int(query.indices[0]): 1.0}
    assert weights(vector)[int(query.indices[0])] == pytest.approx(thrice, rel=1e-6)


# A change here means that every stored terms vector is stale: what is in the collections would no
# longer meet what is asked. It needs a new NORMALISATION or revision in the stamp.
GOLDEN_DOCUMENTS = {
    ("en", "Serial SN-4821-QX, made in Bergen"): {
        484785487: 1.6652868,
        818396511: 1.6652868,
        842018159: 1.6652868,
        1431042238: 1.6652868,
        1737701096: 1.6652868,
        1838162590: 1.6652868,
    },
    ("en", "O'Brien’s lanterns don't flicker; lanterns never do"): {
        11875599: 1.6520973,
        270731446: 1.6520973,
        668787850: 1.8870833,
        719536598: 1.6520973,
        897065139: 1.6520973,
        1198016630: 1.6520973,
        1748272243: 1.6520973,
        1969182875: 1.6520973,
    },
    ("de", "Größe und Äpfel für Müller, Straße 9"): {
        164058840: 1.6608670,
        299472833: 1.6608670,
        613148321: 1.6608670,
        631207143: 1.6608670,
        755460467: 1.6608670,
        1752542484: 1.6608670,
        1962405504: 1.6608670,
    },
    ("fr", "l'été à la plage, naïveté d’un café"): {
        492661292: 1.6520973,
        618650054: 1.6520973,
        655955059: 1.6520973,
        823349694: 1.6520973,
        865297935: 1.6520973,
        955771676: 1.6520973,
        1914334582: 1.6520973,
        1996362039: 1.6520973,
        2128778558: 1.6520973,
    },
    ("ja", "寿司 SN_4821"): {
        1523387039: 1.6786885,
        1737701096: 1.6786885,
        1838162590: 1.6786885,
    },
}
GOLDEN_QUERIES = {
    ("en", "sn-4821-qx"): [818396511, 1737701096, 1838162590],
    ("en", "the flickering lantern of O’Brien"): [668787850, 719536598, 1198016630, 1748272243],
    ("de", "GRÖSSE der Apfel"): [408270109, 631207143, 755460467],
    ("fr", "cafés de plage"): [543259558, 618650054, 1914334582],
    ("ja", "寿司"): [1523387039],
}


@pytest.mark.parametrize(("language", "text"), GOLDEN_DOCUMENTS)
async def test_golden_documents(terms: Bm25Terms, language: str, text: str) -> None:
    vector = await terms.encode_document(text, language)
    assert weights(vector) == pytest.approx(GOLDEN_DOCUMENTS[language, text], rel=1e-6)


@pytest.mark.parametrize(("language", "text"), GOLDEN_QUERIES)
async def test_golden_queries(terms: Bm25Terms, language: str, text: str) -> None:
    vector = await terms.encode_query(text, language)
    assert vector.indices.tolist() == GOLDEN_QUERIES[language, text]
    assert set(vector.values.tolist()) == {1.0}


MATCHES = [
    ("en", "Serial SN-4821-QX", "sn-4821-qx", 3),
    ("en", "Serial SN-4821-QX", "4821", 1),
    ("en", "photo IMG_4821.jpg", "4821", 1),
    ("en", "O'Brien's lanterns", "o’brien lantern", 3),
    ("en", "two e-mails on T-shirts", "E-Mail t shirt", 4),
    ("en", "the lantern doesn't work", "does it", 0),
    ("en", "Lego™ bricks", "LEGO brick", 2),
    ("de", "Müllers Straße", "muller", 1),
    ("fr", "la plage d’été", "l'été", 1),
    ("de", "Müller, große STRASSE", "Mu\u0308ller Straße", 2),
    ("tr", "İSTANBUL IRMAK", "istanbul \u0131rmak", 2),
    ("en", "İSTANBUL", "istanbul", 1),
    ("ru", "новые дома", "дом", 1),
    ("ar", "مُحَمَّد", "محمد", 1),
    ("en", "so\u00adft-hy\u00adphen", "soft hyphen", 2),
    ("ja", "寿司 ラーメン", "ラーメン", 1),
    ("hi", "हिन्दी पुस्तक", "हिन्दी", 1),
    ("el", "ΟΔΟΣ", "οδός", 1),
]


@pytest.mark.parametrize(("language", "document", "query", "shared"), MATCHES)
async def test_what_meets(
    terms: Bm25Terms, language: str, document: str, query: str, shared: int
) -> None:
    stored = await terms.encode_document(document, language)
    asked = await terms.encode_query(query, language)
    assert len(np.intersect1d(stored.indices, asked.indices)) == shared


@pytest.mark.parametrize("text", ["", " \n\t", "the of and to", "THE", "👩‍👩‍👧", "…—!", "\u0301"])
async def test_nothing_left(terms: Bm25Terms, text: str) -> None:
    for vector in (
        await terms.encode_document(text, "en"),
        await terms.encode_query(text, "en"),
    ):
        check_shape(vector)
        assert len(vector) == 0


async def test_a_very_long_word_is_left_out(terms: Bm25Terms) -> None:
    assert len(await terms.encode_document("a" * 41 + " " + "b" * 40, "ja")) == 1


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=200), st.sampled_from(["en", "de", "tr", "ar", "ja"]))
@example("Mu\u0308ller x\u0302 e\u0301", "de")
@example("\u1100\u1161\u11a8 \u212b \u0344", "en")
@example("\u0130\u0307I", "tr")
async def test_canonically_equal_texts_give_one_vector(
    terms: Bm25Terms, text: str, language: str
) -> None:
    forms = [text, unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)]
    documents = [await terms.encode_document(form, language) for form in forms]
    queries = [await terms.encode_query(form, language) for form in forms]
    for vectors in (documents, queries):
        for vector in vectors:
            check_shape(vector)
            assert weights(vector) == weights(vectors[0])
    assert documents[0].indices.tolist() == queries[0].indices.tolist()


@given(st.text(max_size=200), st.sampled_from(["en", "tr"]))
def test_normalising_twice_changes_nothing(text: str, language: str) -> None:
    once = normalised(text, language)
    assert normalised(once, language) == once


def test_languages(terms: Bm25Terms) -> None:
    from fastembed.sparse.bm25 import supported_languages

    assert list(terms.languages) == sorted(terms.languages)
    assert {"en", "de", "nb", "nn", "no"} <= set(terms.languages)
    assert len(terms.languages) == len(set(supported_languages) - {"tamil"}) + 2  # nb and nn


async def test_every_language_stems(terms: Bm25Terms) -> None:
    for language in terms.languages:
        assert len(await terms.encode_document("SN-4821-QX", language)) == 3
    runs = [await terms.encode_query(word, "en") for word in ("running", "runs", "run")]
    assert len({tuple(v.indices.tolist()) for v in runs}) == 1
    unstemmed = await terms.encode_query("running runs run", "xx")
    assert len(unstemmed) == 3


def test_stamps(terms: Bm25Terms) -> None:
    stamps = [terms.stamp(language) for language in (*terms.languages, "ja", "zh")]
    assert len(set(stamps)) == len(stamps)
    assert {(s.model, s.revision) for s in stamps} == {("bm25", "fastembed-0.9")}
    assert terms.stamp("en") == Bm25Terms().stamp("en")


def test_the_stamp_knows_the_parameters(terms: Bm25Terms, monkeypatch: pytest.MonkeyPatch) -> None:
    from triptych_server.encode import terms as module

    before = terms.stamp("en")
    for name, value in (
        ("K", 1.3),
        ("B", 0.5),
        ("AVERAGE_LENGTH", 32.0),
        ("MAX_TERM_LENGTH", 20),
        ("NORMALISATION", "another"),
        ("ENGLISH", ENGLISH | {"lantern"}),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, value)
            changed = Bm25Terms()
            assert changed.stamp("en").preprocessing != before.preprocessing, name
            changed.close()
    assert terms.stamp("en") == before


def test_stop_words_are_words_as_the_tokenizer_gives_them() -> None:
    assert all(word == normalised(word, "en") and word.isalpha() for word in ENGLISH)
    assert 120 <= len(ENGLISH) <= 200


async def test_long_texts_do_not_hold_the_event_loop(terms: Bm25Terms) -> None:
    text = ("The serial number SN-4821-QX of O'Brien's café lantern " * 1200)[:65_536]
    await terms.encode_document("warm", "en")
    work = [asyncio.create_task(terms.encode_document(text, "en")) for _ in range(32)]
    ticks = 0
    while not all(task.done() for task in work):
        await asyncio.sleep(0.001)
        ticks += 1
    vectors = [task.result() for task in work]
    assert ticks >= 8
    assert all(weights(v) == weights(vectors[0]) for v in vectors)


async def test_closing_ends_the_threads() -> None:
    before = set(threading.enumerate())
    terms = Bm25Terms()
    await terms.encode_query("lantern " * 200, "en")
    own = set(threading.enumerate()) - before
    assert {t.name.rsplit("_", 1)[0] for t in own} == {"terms"}
    terms.close()
    assert not any(t.is_alive() for t in own)


OFFLINE = """
import os
import sys
import triptych_server.encode.terms as terms
asked = []
def hook(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        asked.append((event, args[-1]))
    if event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+"):
        asked.append((event, args[0]))
    if event == "os.mkdir" and not os.path.isdir(args[0]):
        asked.append((event, args[0]))
sys.addaudithook(hook)
import asyncio
async def main():
    made = terms.Bm25Terms()
    for language in (*made.languages, "ja"):
        vector = await made.encode_document("Serial SN-4821-QX", language)
        assert len(vector) == 4, (language, vector)
    made.close()
asyncio.run(main())
assert "fastembed" not in sys.modules, "its imports take longer than those of all the rest"
# asyncio's own wake-up channel is a pair of sockets; it connects to nothing.
assert not asked, asked
"""


def test_nothing_is_fetched_or_written(tmp_path: Path) -> None:
    """In a process of its own, whose every network call and write would be seen.

    onnxruntime's telemetry calls from native code, unseen; but it begins by keeping a device id
    under the home folder.
    """
    ours = ("HF_", "FASTEMBED", "ORT_", "XDG_")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    environment |= {"PYTHONPATH": str(SERVER), "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", OFFLINE],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.iterdir())
