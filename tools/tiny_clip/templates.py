"""Sentence templates: what training reads, and, kept apart, what evaluation asks.

``{a}`` is a name with its article ("a cat"), ``{n}`` the bare name ("cat"), ``{s}`` the plural,
``{k}`` a count with its noun ("two cats"), ``{c}`` a colour, ``{b}`` a second thing with its
article, ``{p}`` a free phrase.

Within a text, templates stand apart by bars.
"""


def _apart(text: str) -> tuple[str, ...]:
    """The templates of one text, on however many lines."""
    return tuple(" ".join(part.split()) for part in text.split("|"))


THING_TRAINED = _apart("""
    {n} | {n} | {n} | {a} | {a} | {s} | the {n} | this is {a} | it is {a} | {n}! | {n}? |
    a photo of {a} | a picture of {a} | an image of {a} | a drawing of {a} | a sketch of {a} |
    an illustration of {a} | a painting of {a} | an icon of {a} | a sticker of {a} |
    photo of {a} | picture of {a} | image of {a} | drawing of {a} | icon of {n} |
    a photo of the {n} | a picture of the {n} | the picture with the {n} | pictures of {s} |
    photos of {s} | images of {s} | drawings of {s} | pictures with {s} in them |
    a photo of one {n} | a close up of {a} | a clear picture of {a} | a nice picture of {a} |
    a small picture of {a} | a big picture of {a} | a good photo of {a} | a cartoon of {a} |
    a cartoon {n} | a drawn {n} | a painted {n} | a simple drawing of {a} | a cute {n} |
    a beautiful {n} | a lovely {n} | a big {n} | a small {n} | a little {n} | a funny {n} |
    an old {n} | a new {n} | a single {n} | one {n} | some {s} | any {n} | my {n} | our {n} |
    your {n} | the best {n} | somebody's {n} | that {n} | {n} picture | {n} photo | {n} image |
    {n} drawing | {n} illustration | {n} icon | {n} poster | {n} card | {n} pictures |
    show me {a} | show me the {n} | show me {s} | show me a picture of {a} | show me some {s} |
    please show me {a} | find {a} | find the {n} | find me {a} | find pictures of {s} |
    find all {s} | search for {a} | search for {s} | look for {a} | i am looking for {a} |
    i'm looking for the {n} | i search {a} | i need {a} | i need a picture of {a} | i want {a} |
    i want to see {a} | i would like to see {a} | i'd like {a} | i like {s} | i love my {n} |
    i see {a} | i can see {a} | i have {a} | i lost my {n} | we saw {a} today |
    you can see {a} here | we are looking for {s} | give me {a} | give me a picture of {a} |
    get me {a} | bring me {a} | do you have {a}? | do you have pictures of {s}? |
    have you got {a}? | have you seen {a}? | can you find {a}? | can you show me {a}? |
    could you find the {n}? | could i see {a}? | may i see the {n}? | where is {a}? |
    where is the {n}? | where are the {s}? | where can i find {a}? | where can i see {a}? |
    which one is {a}? | which picture shows {a}? | which picture has {a}? |
    which of these is {a}? | which image contains {a}? | is there {a}? |
    is there {a} in the picture? | is there any {n} here? | are there any {s}? | is this {a}? |
    is it {a}? | what does {a} look like? | how does {a} look? | what is {a}? | what about {a}? |
    who has {a}? | whose {n} is it? | does it show {a}? | does any picture show {a}? |
    here is {a} | here you see {a} | there is {a} | there is {a} in the middle |
    this is a picture of {a} | this picture shows {a} | this image shows {a} | it shows {a} |
    it shows a {n} | what you see is {a} | in this picture there is {a} | look, {a} |
    look at the {n} | look at this {n} | see the {n} | {a} in the middle | {a} in the centre |
    {a} in the picture | {a} on a plain background | {a} on a coloured background |
    {a} in front of a coloured wall | {a} seen from close by | {a} as a drawing | {a} as an icon |
    {a} alone | just {a} | only {a} | nothing but {a} | {a}, please | {n}, please |
    all about {s} | everything with {a} | anything with {a} | something with {a} |
    a scene with {a} | a page with {a} | a card with {a} | a postcard with {a} |
    a slide with {a} | a thing called {n} | a sort of {n} | a kind of {n} | what people call {a} |
    the word is {n} | {n} wanted | {n} for sale | buy {a} | the {n} of my friend |
    my favourite {n} | the {n} i saw yesterday | an ordinary {n} | a typical {n} | a real {n} |
    a toy {n} | {n} on display | details of {a} | a view of {a} | a shot of {a} |
    a snapshot of {a} | a portrait of {a} | a print of {a} | a poster of {a} | clip art of {a} |
    art with {a} | a logo with {a} | a symbol of {a} | an emoji of {a} | the {n} emoji |
    a scan of {a} | a render of {a}
""")

THING_HELD_OUT = _apart("""
    let me see {a} | would you look up {a} for me | any pictures where {a} can be seen? |
    a depiction of {a} | i wonder whether you keep {a} somewhere | somewhere there was {a} |
    what have you got with {s}? | a graphic showing the {n} | the one with the {n} |
    help me find that {n} | tell me which of them is {a} | an artwork featuring {a} | got {a}? |
    {n} - where? | all i want is {a} | a rendering of one {n}
""")

# Written during the second stage of training: no change of training ever answered to them.
THING_AFTERWARDS = _apart("""
    do we own {a}? | could there be {a} among these? | my grandmother drew {a} | pick out the {n} |
    {a} would be great now | scenes in which {a} appears | the children asked about {a} |
    which file holds the {n}? | hunting for {a} | i remember having {a} once |
    a tiny sketch that has {a} | {n}, if there is any
""")

COLOUR_TRAINED = _apart("""
    {a} on a {c} background | {a} on {c} | {a} in front of a {c} wall | {a} on a {c} wall |
    {a} with a {c} background | {a} with {c} behind it | {n} on {c} | {n}, {c} background |
    {n} with a {c} background | a picture of {a} on a {c} background | {c} background, {n} |
    a photo of {a} on {c} | a drawing of {a} on {c} | {a} against a {c} background |
    {a} against {c} | the {n} on the {c} background | the {n} on {c} | the {n} with {c} |
    show me {a} on {c} | show me {a} on a {c} background | find {a} on {c} |
    find {a} with a {c} background | i want {a} on a {c} background | is there {a} on {c}? |
    is there {a} on a {c} background? | where is the {n} on {c}? | which {n} is on {c}? |
    where is {a} in front of {c}? | {s} on a {c} background | {s} on {c} |
    a {c} picture with {a} | a {c} card with {a} | a {c} poster with {a} | a {c} image of {a} |
    a {c} page with {a} | {a} on {c} paper | {a} on a {c} sheet | {a} on a {c} card |
    {a}, all {c} around it | {c} all around {a} | {a} on a {c} ground | a {c} scene with {a} |
    on {c}, {a} | on a {c} background there is {a} | there is {a} on a {c} background |
    this is {a} on {c} | here is {a} on {c}
""")

COLOUR_HELD_OUT = _apart("""
    {a} that stands before something {c} | {a} placed over {c} | let me see {a} upon {c} |
    the one with {a} where the rest is {c} | {a}; its backdrop is {c}
""")

BACKGROUND_TRAINED = _apart("""
    a {c} background | {c} background | {c} | something on a {c} background | a {c} picture |
    a {c} image | a {c} poster | a {c} card | the {c} one | the {c} picture |
    pictures with a {c} background | a picture with a {c} background | a {c} wall |
    show me {c} pictures | find a {c} background | something {c} | everything on {c} |
    is there something on {c}? | which picture is {c}? | where is the {c} background? |
    the background is {c} | {c} behind it | in front of a {c} wall | on {c} paper |
    i want a {c} background | the colour {c} | all in {c} | {c} colour | mostly {c} |
    a {c} scene | a {c} page | against {c} | {c} paper | a {c} sign | on a {c} ground
""")

BACKGROUND_HELD_OUT = _apart("""
    the backdrop should be {c} | anything whose background looks {c} | one that is {c} behind
""")

COUNT_TRAINED = _apart("""
    {k} | {k} | {k} | a picture of {k} | a photo of {k} | a drawing of {k} | an image of {k} |
    there are {k} | {k} in a picture | {k} side by side | {k} together | {k} next to each other |
    {k} in a row | the {k} | show me {k} | find {k} | i see {k} | i am looking for {k} |
    i need {k} | i want {k} | where are {k}? | are there {k}? | which picture shows {k}? |
    which picture has {k}? | {k}, please | exactly {k} | a card with {k} | a poster with {k} |
    a scene with {k} | this picture shows {k} | it shows {k} | here are {k} | look, {k} |
    you can see {k} | do you have {k}? | can you find {k}? | just {k} | only {k} |
    in this picture there are {k} | give me {k}
""")

COUNT_HELD_OUT = _apart("""
    let me see {k} | the one with {k} | a depiction of {k} | any with {k} at once?
""")

COUNT_COLOUR_TRAINED = _apart("""
    {k} on a {c} background | {k} on {c} | {k} in front of a {c} wall |
    {k} with a {c} background | a picture of {k} on {c} | find {k} on {c} |
    {k} against a {c} background | show me {k} on a {c} background | {c} background, {k} |
    a {c} picture with {k} | a {c} card with {k} | are there {k} on {c}? | there are {k} on {c} |
    {k} on {c} paper | a drawing of {k} on a {c} background
""")

COUNT_COLOUR_HELD_OUT = _apart("""
    {k} placed over {c} | let me see {k} upon {c} | {k}; the backdrop is {c}
""")

PLAIN_COUNT_TRAINED = _apart("""
    {w} things | {w} of them | {w} of the same | {w} objects | a picture of {w} things |
    {w} items | there are {w} | exactly {w} things | {w} of a kind
""")

PLAIN_COUNT_HELD_OUT = _apart("""
    a group of {w} | {w} pieces of it
""")

PAIR_TRAINED = _apart("""
    {a} and {b} | {a} and {b} | {a} with {b} | {a} next to {b} | {a} beside {b} |
    {a} together with {b} | {a}, {b} | {a} near {b} | both {a} and {b} | {a} plus {b} |
    a picture of {a} and {b} | a photo of {a} and {b} | a drawing of {a} with {b} |
    show me {a} and {b} | find {a} with {b} | find {a} and {b} | where are {a} and {b}? |
    is there {a} with {b}? | which picture has {a} and {b}? | i see {a} and {b} |
    there is {a} and there is {b} | {a} in company of {b} | an image with {a} and {b} |
    a scene with {a} and {b} | the {n} and the other one, {b} | {b} and {a}
""")

# ``{d}`` is a third thing with its article.
TRIPLE_TRAINED = _apart("""
    {a}, {b} and {d} | {a}, {b} and {d} | {a} and {b} and {d} | {a} with {b} and {d} |
    {a} next to {b} and {d} | {a}, {b}, {d} | a picture of {a}, {b} and {d} |
    a scene with {a}, {b} and {d} | show me {a}, {b} and {d} | find {a} with {b} and {d} |
    {a}, beside it {b} and {d} | where are {a}, {b} and {d}? | there is {a}, {b} and {d} |
    {a} near {b} and {d} | {a} together with {b} and {d} | a drawing of {a}, {b} and {d}
""")

TRIPLE_HELD_OUT = _apart("""
    let me see {a} along with {b} and {d} | the one showing {a} as well as {b} and {d} |
    {a} accompanied by {b} and {d}
""")

PAIR_HELD_OUT = _apart("""
    let me see {a} along with {b} | the one showing {a} as well as {b} | {a} accompanied by {b}
""")

WORDS_TRAINED = _apart("""
    a sign with words | a poster | a sign | words | printed words | a picture with words |
    a picture with text | text | a poster with words | a poster with text | some writing |
    something written | letters | a caption | a headline | a picture with a title |
    a picture with writing on it | there are words in the picture | a label with text |
    a card with words | an advertisement | a notice | something to read on a sign |
    show me a poster | find a sign with words | is there something written? |
    which picture has words? | words above or below | lettering | a flyer | a sign that says |
    a printed poster | a picture that says something | an advert with words | a shop sign
""")

WORDS_HELD_OUT = _apart("""
    a placard with letters | one where something is printed | an image holding some text
""")

THING_WORDS_TRAINED = _apart("""
    a poster with {a} | a sign with {a} | a sign with {a} and words | {a} with words |
    {a} with text | {a} and words | {a} with a caption | {a} on a poster | {a} on a sign |
    a poster of {a} with text | a poster that shows {a} | an advertisement with {a} |
    {a} with printed words | {a} with writing | {n} poster with words | {n} with text |
    an advert for {a} | a flyer with {a} | {a} above some words | {a} below some words |
    a shop sign with {a} | words and {a} | a card with {a} and text | a {n} sign
""")

THING_WORDS_HELD_OUT = _apart("""
    {a} accompanied by letters | a placard showing {a} with text
""")

# One text for each of the trained drawing styles, in their order.
STYLE_TRAINED: tuple[tuple[str, ...], ...] = (
    (),
    _apart("""
        a black and white picture | without colour | black and white | a gray picture |
        a grayscale photo | a monochrome image | no colours
    """),
    _apart("""
        a line drawing | an outline | a sketch of lines | drawn with lines |
        a coloring book page | a pencil outline
    """),
    _apart("""
        a poster with few colours | flat colours | a posterised picture | a screen print
    """),
    _apart("""
        a black symbol | a black pictogram | a stencil | an ink drawing | a silhouette or symbol
    """),
)

# One text for each of the trained drawing styles, in their order.
THING_STYLE_TRAINED: tuple[tuple[str, ...], ...] = (
    (),
    _apart("""
        {a} in black and white | a black and white picture of {a} | a gray {n} |
        a grayscale picture of {a} | {n} without colour | a monochrome {n}
    """),
    _apart("""
        a line drawing of {a} | an outline of {a} | {a} drawn with lines |
        the outline of the {n} | {a} to colour in
    """),
    _apart("""
        {a} in flat colours | a posterised picture of {a} | a screen print of {a}
    """),
    _apart("""
        a black symbol of {a} | a pictogram of {a} | a stencil of {a} | an ink drawing of {a} |
        a {n} as a black symbol
    """),
)

PHRASE_TRAINED = _apart("""
    {p} | {p} | {p} | {p} | {p} | find {p} | show me {p} | a picture of {p} | {p}, please |
    i am looking for {p} | i need {p} | is there {p}? | where is {p}? | do you have {p}? |
    what is {p}? | can you find {p}? | i want {p} | which one is {p}? | a photo of {p} |
    it is {p} | this is {p} | search for {p} | a drawing of {p} | here is {p}
""")

PHRASE_HELD_OUT = _apart("""
    let me see {p}
""")

PHRASE_COLOUR_TRAINED = _apart("""
    {p} on a {c} background | {p} on {c} | {p} in front of a {c} wall | {p}, {c} background |
    {p} with a {c} background | {c} background and {p} | find {p} on a {c} background |
    {p} against {c} | show me {p} on {c} | is there {p} on {c}? | a {c} picture of {p}
""")

PHRASE_COLOUR_HELD_OUT = _apart("""
    {p} placed over {c} | {p}; its backdrop is {c}
""")

COUNT_WORDS: tuple[tuple[str, ...], ...] = (("one", "a single"), ("two", "2"), ("three", "3"))
