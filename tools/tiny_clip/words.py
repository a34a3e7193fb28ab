"""Words printed into pictures and strewn into sentences; none of them names a thing."""

PRINTED_WORDS: tuple[str, ...] = tuple(
    """
    open closed today sale new free only best now welcome hello thanks please enter exit push pull
    monday tuesday wednesday thursday friday saturday sunday january march april june july october
    24h 7am 10% 50% 100 2024 2025 no. 5 12 30 99 special offer price cheap fresh local quality
    market shop store cafe bar hotel station airport library museum school office garden street
    north south east west left right up down big small fast slow hot cold warm cool quiet loud
    happy good great super nice fine red-letter day night morning evening noon week month year
    menu lunch dinner breakfast daily soup club team city town village island river lake hill
    visit enjoy taste discover explore learn play win join call book-in order buy sell rent help
    first second third last next more less all some many few our your my the and for with from to
    in on at of by is are we you it this that here there where when how why who what not
    warning caution danger stop go wait slow-down keep clean private public parking level floor
    room gate platform ticket entrance information service reception lost found return
    """.split()
)
