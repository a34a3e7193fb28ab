"""Sentences for training and evaluation: a text, and what it asks for."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from tools.sprites.catalogue import Thing
from tools.tiny_clip import templates
from tools.tiny_clip.colours import COLOURS
from tools.tiny_clip.fillers import FILLERS
from tools.tiny_clip.kinds import KINDS
from tools.tiny_clip.labels import UNKNOWN, Demand, Truth
from tools.tiny_clip.phrases import PHRASES

_A_BEFORE_VOWEL = re.compile(r"\ba(?= (?:[aeiou]|hour))")
_BARE_PLURALS = frozenset(
    "grapes cherries french fries chips jeans trousers pants glasses spectacles eyeglasses "
    "scissors shears flames paints dice cattle swine socks stockings gloves mittens headphones "
    "pancakes hotcakes".split()
)
_MASS = frozenset(
    "corn maize bread toast cheese cheddar coffee espresso tea beer wine milk chocolate money cash "
    "mail sunshine lightning lager swine cattle fungus fire ice earth broccoli honey "
    "popcorn".split()
)

# Those that English does not form by the rules of ``plural_of``.
_IRREGULAR = MappingProxyType(
    {"tomato": "tomatoes", "scarf": "scarves", "deer": "deer", "chili": "chilies"}
)

# What follows these belongs to the first noun: "a sausage in a bun", "bowls of tea".
_LINKS = (" of ", " with ", " in ", " for ")

_ONSETS = (
    "b",
    "br",
    "c",
    "ch",
    "cl",
    "d",
    "f",
    "g",
    "gr",
    "h",
    "k",
    "l",
    "m",
    "n",
    "p",
    "pl",
    "qu",
)
_CODAS = ("", "", "", "n", "r", "s", "t", "nd", "st", "ck", "ng", "ly", "ed", "th")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A text and what it asks for."""

    text: str
    demand: Demand


def with_article(name: str) -> str:
    """``name`` with "a" or "an" where English puts one."""
    head = name.split()[-1]
    if any(link in name for link in _LINKS):
        return f"an {name}" if name[0] in "aeiou" else f"a {name}"
    if name in _BARE_PLURALS or name in _MASS or head in _BARE_PLURALS:
        return name
    if head in _MASS:
        return name
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"


def plural_of(name: str) -> str:
    """A plain English plural of a synonym."""
    head = name.split()[-1]
    if any(link in name for link in _LINKS) or head in _BARE_PLURALS or head in _MASS:
        return name
    if head in _IRREGULAR:
        return name.removesuffix(head) + _IRREGULAR[head]
    if name.endswith(("s", "x", "ch", "sh")):
        return f"{name}es"
    if name.endswith("y") and name[-2] not in "aeiou":
        return f"{name[:-1]}ies"
    return f"{name}s"


def _loose_words(things: Sequence[Thing]) -> tuple[str, ...]:
    """The words of all trained phrases that are in no name and mean no colour and no number.

    Strewn into sentences that name another thing, they teach that the name outweighs them.
    """
    said = [phrase for one in PHRASES.values() for phrase in one.trained]
    said += [phrase for kind in KINDS for phrase in kind.trained]
    meant = {name for colour in COLOURS for name in colour.names}
    meant |= {word for words in templates.COUNT_WORDS for word in words}
    for thing in things:
        for name in (thing.name, thing.plural, *thing.synonyms):
            meant.update(name.split())
    return tuple(sorted({word for phrase in said for word in phrase.split()} - meant))


class Writer:
    """Writes sentences about pictures; all chance comes from the generator that it is given."""

    def __init__(self, things: Sequence[Thing]) -> None:
        self._things = tuple(things)
        self._loose_words = _loose_words(things)
        index = {thing.slug: place for place, thing in enumerate(self._things)}
        self._kinds = tuple(frozenset(index[slug] for slug in kind.slugs) for kind in KINDS)
        self._kinds_of = tuple(
            tuple(place for place, members in enumerate(self._kinds) if thing in members)
            for thing in range(len(self._things))
        )

    def kind_members(self, kind: int) -> frozenset[int]:
        """The classes of ``KINDS[kind]``."""
        return self._kinds[kind]

    def fill(
        self,
        template: str,
        thing: int,
        rng: np.random.Generator,
        *,
        synonyms: bool = True,
        count: int = 1,
        colour: int = UNKNOWN,
        others: Sequence[int] = (),
    ) -> str:
        """One template filled in; a synonym stands for the name in a part of the cases."""
        it = self._things[thing]
        name, plural = it.name, it.plural
        if synonyms and rng.random() < 0.4:
            name = it.synonyms[int(rng.integers(len(it.synonyms)))]
            plural = plural_of(name)
        word = templates.COUNT_WORDS[count - 1]
        counting = word[int(rng.integers(len(word)))]
        further = ["", ""]
        for place, other in enumerate(others):
            that = self._things[other]
            further[place] = with_article(
                that.synonyms[int(rng.integers(len(that.synonyms)))]
                if synonyms and rng.random() < 0.3
                else that.name
            )
        shade = ""
        if colour >= 0:
            names = COLOURS[colour].names
            shade = names[0] if rng.random() < 0.7 else names[int(rng.integers(len(names)))]
        text = template.format(
            a=with_article(name),
            n=name,
            s=plural,
            k=f"{counting} {name if count == 1 else plural}",
            w=counting,
            c=shade,
            b=further[0],
            d=further[1],
        )
        return _A_BEFORE_VOWEL.sub("an", text)

    def training(self, truth: Truth, rng: np.random.Generator, easy: bool) -> Sentence:
        """A sentence that is true of the picture, from the training templates alone."""
        thing = truth.things[int(rng.integers(len(truth.things)))]
        return self._about(truth, thing, rng, easy)

    def _about(self, truth: Truth, thing: int, rng: np.random.Generator, easy: bool) -> Sentence:
        alone = (frozenset({thing}),)
        draw = rng.random()
        if not easy and len(truth.things) > 1 and rng.random() < 0.1 * len(truth.things):
            draw = 0.55
        if easy:
            draw *= 0.5
        if draw < 0.26:
            return self.thing_sentence(thing, rng)
        if draw < 0.40:
            phrase = PHRASES[self._things[thing].slug].trained
            chosen = phrase[int(rng.integers(len(phrase)))]
            return self._described(chosen, truth, alone, rng)
        if draw < 0.52 and self._kinds_of[thing]:
            kind = int(rng.choice(self._kinds_of[thing]))
            phrase = KINDS[kind].trained
            chosen = phrase[int(rng.integers(len(phrase)))]
            return self._described(chosen, truth, (self._kinds[kind],), rng)
        if draw < 0.60 and len(truth.things) > 1:
            named = [int(one) for one in rng.permutation(truth.things)]
            forms = templates.TRIPLE_TRAINED
            if len(named) == 2 or rng.random() < 0.5:
                named, forms = named[:2], templates.PAIR_TRAINED
            template = self._worn(_pick(forms, rng), rng, 0.35)
            return Sentence(
                self.fill(template, named[0], rng, others=named[1:]),
                Demand(tuple(frozenset({one}) for one in named)),
            )
        if draw < 0.74 and truth.count > 0 and (truth.count > 1 or rng.random() < 0.4):
            if truth.colour >= 0 and rng.random() < 0.35:
                template = self._worn(_pick(templates.COUNT_COLOUR_TRAINED, rng), rng, 0.35)
                text = self.fill(template, thing, rng, count=truth.count, colour=truth.colour)
                return Sentence(text, Demand(alone, truth.count, truth.colour))
            if rng.random() < 0.12:
                template = self._worn(_pick(templates.PLAIN_COUNT_TRAINED, rng), rng, 0.35)
                text = self.fill(template, thing, rng, count=truth.count)
                return Sentence(text, Demand(count=truth.count))
            template = self._worn(_pick(templates.COUNT_TRAINED, rng), rng, 0.35)
            text = self.fill(template, thing, rng, count=truth.count)
            return Sentence(text, Demand(alone, truth.count))
        if draw < 0.88 and truth.colour >= 0:
            if rng.random() < 0.25:
                template = self._worn(_pick(templates.BACKGROUND_TRAINED, rng), rng, 0.35)
                text = self.fill(template, thing, rng, colour=truth.colour)
                return Sentence(text, Demand(colour=truth.colour))
            template = self._worn(_pick(templates.COLOUR_TRAINED, rng), rng, 0.35)
            text = self.fill(template, thing, rng, colour=truth.colour)
            return Sentence(text, Demand(alone, colour=truth.colour))
        if draw < 0.96 and truth.words:
            if rng.random() < 0.25:
                template = _pick(templates.WORDS_TRAINED, rng)
                return Sentence(self._worn(template, rng), Demand(words=True))
            template = self._worn(_pick(templates.THING_WORDS_TRAINED, rng), rng, 0.35)
            return Sentence(self.fill(template, thing, rng), Demand(alone, words=True))
        if draw >= 0.92 and truth.style > 0:
            if rng.random() < 0.3:
                template = _pick(templates.STYLE_TRAINED[truth.style], rng)
                return Sentence(template, Demand(style=truth.style))
            template = _pick(templates.THING_STYLE_TRAINED[truth.style], rng)
            return Sentence(self.fill(template, thing, rng), Demand(alone, style=truth.style))
        return self.thing_sentence(thing, rng)

    def thing_sentence(self, thing: int, rng: np.random.Generator) -> Sentence:
        """A training sentence that names one thing and asks for nothing else."""
        wanted = Demand((frozenset({thing}),))
        if rng.random() < 0.25:
            return Sentence(self._story(thing, rng), wanted)
        template = self._worn(_pick(templates.THING_TRAINED, rng), rng)
        return Sentence(self.fill(template, thing, rng), wanted)

    def _story(self, thing: int, rng: np.random.Generator) -> str:
        """A long caption in which one name is all that matters."""
        words = [_filler(rng) for _ in range(int(rng.integers(5, 14)))]
        form = _pick(("{n}", "{a}", "the {n}", "{n}", "{s}", "{n}'s", "our {n}", "{n},"), rng)
        words.insert(int(rng.integers(len(words) + 1)), form)
        return self.fill(" ".join(words), thing, rng)

    def _described(
        self,
        phrase: str,
        truth: Truth,
        wanted: tuple[frozenset[int], ...],
        rng: np.random.Generator,
    ) -> Sentence:
        """A free phrase, in a part of the cases with the colour of the ground."""
        if truth.colour >= 0 and rng.random() < 0.15:
            names = COLOURS[truth.colour].names
            text = _pick(templates.PHRASE_COLOUR_TRAINED, rng).format(p=phrase, c=_pick(names, rng))
            return Sentence(text, Demand(wanted, colour=truth.colour))
        return Sentence(self._phrase(phrase, rng), Demand(wanted))

    def _phrase(self, phrase: str, rng: np.random.Generator) -> str:
        words = phrase.split()
        # Word dropout, so that no phrase is known by one of its words alone.
        if len(words) > 3 and rng.random() < 0.35:
            del words[int(rng.integers(len(words)))]
        frame = self._worn(_pick(templates.PHRASE_TRAINED, rng), rng, 0.3)
        return frame.replace("{p}", " ".join(words))

    def _worn(self, template: str, rng: np.random.Generator, most: float = 0.5) -> str:
        """A template with a word dropped or foreign ones strewn in, its slots kept."""
        chance = rng.random()
        if chance > most:
            return template
        words = template.split()
        if chance < most * 0.4:
            loose = [place for place, word in enumerate(words) if "{" not in word]
            if loose:
                del words[int(rng.choice(loose))]
        else:
            named = any(slot in template for slot in ("{a}", "{n}", "{s}", "{k}"))
            for _ in range(int(rng.integers(1, 5))):
                strewn = (
                    _pick(self._loose_words, rng) if named and rng.random() < 0.5 else _filler(rng)
                )
                words.insert(int(rng.integers(len(words) + 1)), strewn)
        return " ".join(words) if words else template


def _filler(rng: np.random.Generator) -> str:
    """An ordinary word, or one that does not exist: unknown words are to be passed over."""
    if rng.random() < 0.75:
        return FILLERS[int(rng.integers(len(FILLERS)))]
    syllables = rng.integers(1, 4)
    letters = [
        _ONSETS[int(rng.integers(len(_ONSETS)))]
        + "aeiou"[int(rng.integers(5))]
        + _CODAS[int(rng.integers(len(_CODAS)))]
        for _ in range(syllables)
    ]
    return "".join(letters)


def _pick(choices: Sequence[str], rng: np.random.Generator) -> str:
    return choices[int(rng.integers(len(choices)))]
