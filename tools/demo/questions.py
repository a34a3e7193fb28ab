"""What the demo asks, each with the answers that it expects, and why they come."""

from collections import Counter

from tools.demo.answer import Answer, joined, ordinal
from tools.demo.by_examples import ComposedQuestion, Discovery, Recommendation
from tools.demo.question import Asking, Condition, Contrast, Question
from tools.demo_pictures.album import file_name
from tools.demo_pictures.scenes import load_scenes
from tools.sprites.catalogue import load_things


def _why_words(answer: Answer) -> str:
    hit, k = answer.first, answer.response.fusion.reciprocal_rank.k
    return (
        f"Each vector ranks the pictures on its own, and rank r there adds weight / ({k:g} + r) to "
        f"the score. {hit.item.id} is {answer.standing(hit.item.id)}: together {hit.score:.3f}."
    )


def _why_looks(answer: Answer) -> str:
    first, second = (hit.vector_scores[0].similarity for hit in answer.response.hits[:2])
    return (
        "Words and pictures become vectors of one space, so words can be compared with looks: "
        f"{first:.3f} is the similarity to the turtle, {second:.3f} to the next picture. File "
        "names are never searched."
    )


def _why_caption(answer: Answer) -> str:
    hit = answer.first
    return (
        f"The nearest caption is “{hit.item.caption}” The picture that it belongs to took no part: "
        "only what is said was compared."
    )


def _why_picture(answer: Answer) -> str:
    (thing,) = {slug for name in answer.ids[:1] for slug in _things_of(name)}
    alike = [name for name in answer.ids if thing in _things_of(name)]
    scores = [answer.score(name, "image").similarity for name in alike]
    how_many = "All" if len(alike) == len(answer.ids) else str(len(alike))
    return (
        f"{how_many} of these pictures show {_told(thing)}, in whatever surroundings; similarity "
        f"tells how near they come, from {scores[0]:.3f} to {scores[-1]:.3f}."
    )


def _why_printed(answer: Answer) -> str:
    hit = answer.first
    terms, ocr = answer.score(hit.item.id, "terms"), answer.score(hit.item.id, "ocr")
    place = f"at place {ocr.rank} of {answer.found('ocr')}" if ocr.rank else "at no place"
    return (
        "Tesseract read it off the label when the picture came in. Terms compare spelling, and "
        f"{_pictures(answer.found('terms'))} this word: {terms.contribution:+.3f}. The model has "
        f"never met it, so by meaning (ocr) the label stands {place}: {ocr.contribution:+.3f}."
    )


def _why_serial(answer: Answer) -> str:
    first, second = (hit.vector_scores[0].similarity for hit in answer.response.hits[:2])
    return (
        f"{answer.found('terms')} pictures share a word with the question, one of them the number. "
        f"The rarer a word, the more it counts: {first:.2f} against {second:.2f}."
    )


def _why_filtered(answer: Answer) -> str:
    hit = answer.first
    return (
        f"The tests hold inside every vector's own search: {answer.found('image')} pictures pass, "
        f"and those alone are ranked. {hit.item.id} is {answer.standing(hit.item.id)}."
    )


def _why_several(answer: Answer) -> str:
    first, second = answer.response.hits[:2]
    return (
        f"{first.item.id} shows {_seen_in(first.item.id)} (similarity "
        f"{first.vector_scores[0].similarity:.3f}); the next, {second.item.id}, shows "
        f"{_seen_in(second.item.id)} ({second.vector_scores[0].similarity:.3f})."
    )


def _why_weighted(one: Answer, other: Answer) -> str:
    return (
        "Nothing but the weights has changed: similarities and ranks are the same in both tables, "
        "and a vector's share in a score grows and shrinks with its weight."
    )


def _why_for_looks(answer: Answer) -> str:
    name = WEIGHTED.swaps[0][0]
    image = answer.score(name, "image")
    return (
        f"{name} shows a cup and has no print. It is {ordinal(image.rank)} by image, and that "
        f"counts three times: {image.contribution:.3f} of its {answer.hit(name).score:.3f}."
    )


def _why_for_print(answer: Answer) -> str:
    name = WEIGHTED.swaps[0][1]
    ocr, terms = (answer.score(name, leg).contribution for leg in ("ocr", "terms"))
    return (
        f"{name} shows a bell, but “Ring for fresh coffee” is written on it: ocr and terms, three "
        f"times each, make {ocr + terms:.3f} of its {answer.hit(name).score:.3f}."
    )


def _why_composed(answer: Answer) -> str:
    first, last = answer.response.hits[0], answer.response.hits[-1]
    shares = [list(hit.vector_scores[0].part_shares) for hit in (first, last)]
    (picture, plus, minus), (_, other_plus, _) = shares
    return (
        f"{first.vector_scores[0].similarity:.3f} is the sum of three shares: the picture's "
        f"{picture:+.3f}, purple's {plus:+.3f}, yellow's {minus:+.3f}. {last.item.id}, on another "
        f"ground, gains {other_plus:+.3f} by purple."
    )


def _why_recommended(answer: Answer) -> str:
    first = answer.first
    image = first.vector_scores[0]
    (like_item, like_words), (unlike,) = image.positive_similarities, image.negative_similarities
    return (
        f"{answer.found('image')} pictures pass the filter. Each vector is asked with 2 × the mean "
        f"of what is liked less what is not. {first.item.id} looks like the violin's poster by "
        f"{like_item:.3f}, like a guitar by {like_words:.3f}, like a film by {unlike:.3f}; it is "
        f"{answer.standing(first.item.id)}."
    )


def _why_discovered(answer: Answer) -> str:
    score = answer.first.vector_scores[0]
    pair = score.pairs[0]
    return (
        f"{answer.first.item.id} is nearer to “two cats” ({pair.positive_similarity:.3f}) than to "
        f"“one cat” ({pair.negative_similarity:.3f}), and so on the right side of "
        f"{sum(one.score > 0 for one in score.pairs)} pairs; each is worth 1. Only within that "
        f"counts how near it is to the target ({score.target_similarity:.3f}), which is worth less "
        f"than 1: {score.similarity:.3f} in all."
    )


def _things_of(name: str) -> tuple[str, ...]:
    """The things in a picture."""
    (things,) = (scene.things for scene in load_scenes() if file_name(scene) == name)
    return things


def _seen_in(name: str) -> str:
    """The things in a picture, as one tells them: ``a ship, two sailboats and a cloud``."""
    return joined([_told(slug, count) for slug, count in Counter(_things_of(name)).items()])


def _told(slug: str, count: int = 1) -> str:
    (thing,) = (thing for thing in load_things() if thing.slug == slug)
    if count > 1:
        return f"{('two', 'three', 'four')[count - 2]} {thing.plural}"
    return f"{'an' if thing.name[0] in 'aeiou' else 'a'} {thing.name}"


def _pictures(count: int) -> str:
    return "one picture has" if count == 1 else f"{count} pictures have"


WORDS = Question(
    name="1-words",
    title="A few words",
    about="Nothing is said about where to look, so every vector that can answer takes part: how "
    "a picture looks (image), what is said about it (caption), what is written in it (ocr), "
    "and the words of both texts as they are spelled (terms).",
    text="a cup of coffee",
    expected=("product-coffee.jpg", "thing-coffee.jpg"),
    why=_why_words,
)
LOOKS = Question(
    name="2-looks",
    title="From text to image",
    about="Words against looks alone. Nothing is said about the turtle, and nothing is written in "
    "its picture.",
    text="a turtle",
    weights=(("image", 1),),
    expected=("thing-turtle.jpg",),
    why=_why_looks,
)
CAPTION = Question(
    name="3-caption",
    title="From image to text",
    about="A penguin that is not in the collection, drawn just now, against what is said about "
    "the pictures that are.",
    image_of="thing-penguin",
    weights=(("caption", 1),),
    expected=("thing-penguin.jpg",),
    why=_why_caption,
)
PICTURE = Question(
    name="4-picture",
    title="From image to image",
    about="A cat that is not in the collection, drawn just now, against the looks of the pictures "
    "that are.",
    image_of="thing-cat",
    weights=(("image", 1),),
    expected=("thing-cat.jpg", "thing-cat-window.jpg"),
    why=_why_picture,
)
PRINTED = Question(
    name="5-printed",
    title="A word that stands only inside a picture",
    about="A made-up brand. It is in no caption and no file name, and no model knows it.",
    text="krovandi",
    weights=(("ocr", 1), ("terms", 1)),
    expected=("label-chocolate.webp",),
    why=_why_printed,
)
SERIAL = Question(
    name="6-serial",
    title="A serial number inside a picture",
    about="As one types it off a package. A number has no meaning that a model could know, so the "
    "terms alone are asked.",
    text="lot ER-63748",
    weights=(("terms", 1),),
    expected=("label-coffee.webp",),
    why=_why_serial,
)
FILTERED = Question(
    name="7-filtered",
    title="Words and facts together",
    about="A concert that costs less than 20, of the year 2024 or later: words for the vectors, "
    "and tests of category, tags, price and year that every hit has to pass.",
    text="an evening concert",
    where=(
        Condition("category", "=", "poster"),
        Condition("tags", "=", "concert"),
        Condition("price", "<", 20),
        Condition("year", ">=", 2024),
    ),
    expected=("poster-violin.jpg", "poster-drum.jpg"),
    why=_why_filtered,
)
WEIGHTED = Contrast(
    one=Question(
        name="8-for-looks",
        title="The same words, weighted two ways",
        about="The first question again. For somebody who wants to see coffee, looks count three "
        "times as much:",
        text="a cup of coffee",
        weights=(("image", 3), ("caption", 0.25), ("ocr", 0.25), ("terms", 1)),
        expected=("product-coffee.jpg", "thing-coffee.jpg"),
        why=_why_for_looks,
    ),
    other=Question(
        name="8-for-print",
        title="",
        about="For somebody who looks for where it says coffee, print does:",
        text="a cup of coffee",
        weights=(("image", 1), ("caption", 0.25), ("ocr", 3), ("terms", 3)),
        expected=("product-coffee.jpg", "poster-guitar-blues.jpg"),
        why=_why_for_print,
    ),
    swaps=(("thing-coffee.jpg", "poster-guitar-blues.jpg"),),
    why=_why_weighted,
)
SEVERAL = Question(
    name="9-several",
    title="A picture that holds several things",
    about="Two things at once, by looks alone. Several pictures show one of them.",
    text="a volcano and a sailboat",
    weights=(("image", 1),),
    expected=("scene-island.jpg",),
    why=_why_several,
)

COMPOSED = ComposedQuestion(
    name="10-composed",
    title="This picture, but in another colour",
    about="A cat on yellow ground, drawn just now. Wanted is the same on purple: one vector is put "
    "together from the picture and from words, those behind --minus taken away.",
    image_of="thing-cat",
    plus=("a purple background",),
    minus=("a yellow background",),
    weights=(("image", 1),),
    expected=("several-cats.jpg", "product-plush-cat.jpg"),
    why=_why_composed,
)
RECOMMENDED = Recommendation(
    name="11-recommended",
    title="More like these, and not too far away",
    about="Somebody in Porto liked a violin concert and likes guitars, but no films: what else is "
    "there within 2,000 km, below 25? Examples are stored items and words, and the filter is one "
    "line.",
    like=("id:poster-violin.jpg", "a guitar"),
    unlike=("a film",),
    expression="tags = 'music' AND price < 25 AND near(location, 41.15, -8.61, 2000km)",
    expected=("poster-violin-fest.jpg", "poster-guitar-fado.jpg"),
    why=_why_recommended,
)
DISCOVERED = Discovery(
    name="12-discovered",
    title="Like this one, but more of them",
    about="The stored picture of one cat as the target, and two pairs: hits shall be nearer to two "
    "cats than to one, and nearer to a cat than to a rabbit.",
    target="thing-cat.jpg",
    pairs=(("two cats", "one cat"), ("a cat", "a rabbit")),
    weights=(("image", 1),),
    expected=("several-cats.jpg",),
    why=_why_discovered,
)

STEPS: tuple[Asking | Contrast, ...] = (
    WORDS,
    LOOKS,
    CAPTION,
    PICTURE,
    PRINTED,
    SERIAL,
    FILTERED,
    WEIGHTED,
    SEVERAL,
    COMPOSED,
    RECOMMENDED,
    DISCOVERED,
)
