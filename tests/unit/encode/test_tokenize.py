"""Token ids: real lengths, the model's own tokens kept apart, padding, fingerprints."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from tests.support.random_model import make_tokenizer
from triptych_server.encode.errors import ModelFolderError
from triptych_server.encode.tokenize import TextTokenizer

CONTEXT = 12
PAD, CLS, SEP = 0, 2, 3
LONG = "1 " * 32_768


def saved(tokenizer: Tokenizer, folder: Path) -> Path:
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(make_tokenizer(), tmp_path_factory.mktemp("tokenizer"))


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> TextTokenizer:
    return TextTokenizer(folder, CONTEXT)


@pytest.fixture(scope="module")
def library() -> Tokenizer:
    plain = make_tokenizer()
    plain.no_padding()
    plain.encode_special_tokens = True
    return plain


def clip_like(folder: Path) -> Path:
    """Begin and end tokens as CLIP has them, and no padding in the file."""
    words = ["<|startoftext|>", "<|endoftext|>", "a", "cup", "<", "|", "endoftext", ">"]
    made = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="a"))
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation()]
    )
    made.add_special_tokens(["<|startoftext|>", "<|endoftext|>"])
    made.post_processor = processors.RobertaProcessing(("<|endoftext|>", 1), ("<|startoftext|>", 0))
    return saved(made, folder)


def test_the_model_s_own_tokens_are_found(tokenizer: TextTokenizer) -> None:
    assert (tokenizer.specials, tokenizer.capacity, tokenizer.pad_id) == (2, 10, PAD)
    assert tokenizer.wrap([]) == [CLS, SEP]


@settings(max_examples=150, deadline=None)
@given(text=st.text(max_size=60))
def test_a_whole_text_is_encoded_as_the_library_does(
    tokenizer: TextTokenizer, library: Tokenizer, text: str
) -> None:
    content = tokenizer.content(text)

    whole = library.encode(text).ids
    assert [CLS, *content, SEP] == whole
    # A text that is too long loses its end, never the end token.
    assert tokenizer.wrap(content) == (whole if len(whole) <= CONTEXT else [*whole[:11], SEP])


def test_the_count_of_a_long_text_is_true(tokenizer: TextTokenizer) -> None:
    assert len(tokenizer.content("cup " * 5000)) == 5000


def test_a_batch_is_padded_to_its_own_longest(tokenizer: TextTokenizer) -> None:
    ids, mask = tokenizer.batch([[CLS, 40, SEP], [CLS, 40, 41, 42, SEP]])

    np.testing.assert_array_equal(ids, [[CLS, 40, SEP, PAD, PAD], [CLS, 40, 41, 42, SEP]])
    np.testing.assert_array_equal(mask, [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])
    assert ids.dtype == mask.dtype == np.int64


def test_without_padding_in_the_file_the_end_token_pads(tmp_path: Path) -> None:
    made = TextTokenizer(clip_like(tmp_path), CONTEXT)

    assert made.pad_id == 1
    assert made.wrap(made.content("a cup")) == [0, 2, 3, 1]


def test_a_text_cannot_write_the_model_s_own_tokens(tmp_path: Path) -> None:
    made = TextTokenizer(clip_like(tmp_path), CONTEXT)

    content = made.content("a <|endoftext|> cup")

    assert content == [2, 4, 5, 6, 5, 7, 3]


def test_a_padding_length_in_the_file_is_not_followed(tmp_path: Path) -> None:
    library = make_tokenizer()
    library.enable_padding(pad_id=PAD, pad_token="[PAD]", length=77)
    library.enable_truncation(4)

    made = TextTokenizer(saved(library, tmp_path), CONTEXT)

    assert len(made.content("a cup of coffee on a table")) == 7


def test_padding_on_the_left_is_refused(tmp_path: Path) -> None:
    library = make_tokenizer()
    library.enable_padding(direction="left", pad_id=PAD, pad_token="[PAD]")

    with pytest.raises(ModelFolderError, match="left"):
        TextTokenizer(saved(library, tmp_path), CONTEXT)


def test_neither_padding_nor_an_end_token_is_refused(tmp_path: Path) -> None:
    library = make_tokenizer()
    library.no_padding()
    library.post_processor = processors.Sequence([])

    with pytest.raises(ModelFolderError, match="end token"):
        TextTokenizer(saved(library, tmp_path), CONTEXT)


@pytest.mark.parametrize("text", ["", "{}", "[1]", "\xff"])
def test_an_unreadable_tokenizer_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "tokenizer.json").write_text(text, encoding="latin-1")

    with pytest.raises(ModelFolderError) as caught:
        TextTokenizer(tmp_path, CONTEXT)
    assert str(tmp_path) in str(caught.value)


def test_a_context_without_room_is_refused(folder: Path) -> None:
    with pytest.raises(ModelFolderError, match="context_length 2"):
        TextTokenizer(folder, 2)


def test_the_fingerprint_follows_file_and_context(folder: Path, tmp_path: Path) -> None:
    plain = TextTokenizer(folder, CONTEXT).fingerprint

    assert len(plain) == 12
    assert TextTokenizer(folder, CONTEXT).fingerprint == plain
    assert TextTokenizer(folder, CONTEXT + 1).fingerprint != plain
    assert TextTokenizer(clip_like(tmp_path), CONTEXT).fingerprint != plain


def test_a_long_text_lets_other_threads_run(tokenizer: TextTokenizer) -> None:
    """The interpreter lock is free while 64 KiB are tokenized."""
    begun, done = threading.Event(), threading.Event()
    ticks: list[float] = []

    def tick() -> None:
        begun.set()
        while not done.is_set():
            ticks.append(time.perf_counter())
            done.wait(0.001)

    watcher = threading.Thread(target=tick)
    watcher.start()
    begun.wait()
    started = time.perf_counter()
    for _ in range(5):
        assert len(tokenizer.content(LONG)) == 32_768
    took = time.perf_counter() - started
    done.set()
    watcher.join()
    # With the lock held, the watcher would run once a text at most.
    assert len(ticks) > 10, f"{len(ticks)} ticks in {took:.3f} s"
