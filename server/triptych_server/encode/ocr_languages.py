"""The languages that pictures can be read in: Tesseract's names of them, and which it has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from triptych_server.domain.errors import clip
from triptych_server.domain.ocr_language import is_language_code
from triptych_server.encode.errors import StartupError

# Data files that stand beside the languages: page orientation, and formulas.
_NO_LANGUAGES = frozenset({"osd", "equ"})

# ISO 639-1 to the names of Tesseract's data files (ISO 639-2/T with a few of its own).
_TESSERACT_NAMES = (
    "af:afr am:amh ar:ara as:asm az:aze be:bel bg:bul bn:ben bo:bod br:bre bs:bos ca:cat co:cos "
    "cs:ces cy:cym da:dan de:deu dv:div dz:dzo el:ell en:eng eo:epo es:spa et:est eu:eus fa:fas "
    "fi:fin fo:fao fr:fra fy:fry ga:gle gd:gla gl:glg gu:guj he:heb hi:hin hr:hrv ht:hat hu:hun "
    "hy:hye id:ind is:isl it:ita iu:iku ja:jpn jv:jav ka:kat kk:kaz km:khm kn:kan ko:kor ku:kmr "
    "ky:kir la:lat lb:ltz lo:lao lt:lit lv:lav mi:mri mk:mkd ml:mal mn:mon mr:mar ms:msa mt:mlt "
    "my:mya nb:nor ne:nep nl:nld nn:nor no:nor oc:oci or:ori pa:pan pl:pol ps:pus pt:por qu:que "
    "ro:ron ru:rus sa:san sd:snd si:sin sk:slk sl:slv sq:sqi sr:srp su:sun sv:swe sw:swa ta:tam "
    "te:tel tg:tgk th:tha ti:tir tl:fil to:ton tr:tur tt:tat ug:uig uk:ukr ur:urd uz:uzb vi:vie "
    "yi:yid yo:yor zh:chi_sim"
)


def tesseract_language(iso: str) -> str | None:
    """Tesseract's name for an ISO 639-1 language ("de" is "deu"); None where it has no data."""
    pairs = (pair.split(":") for pair in _TESSERACT_NAMES.split())
    return next((name for code, name in pairs if code == iso), None)


@dataclass(frozen=True, slots=True)
class OcrLanguages:
    """``installed`` languages (Tesseract's codes), sorted.

    ``default`` stands in for a language that is not installed, and is one code or several joined by
    ``+`` itself.
    """

    installed: tuple[str, ...]
    default: str

    @classmethod
    def among(cls, names: Iterable[str], *, default: str) -> OcrLanguages:
        """The languages among the ``names`` of data files."""
        codes = {name for name in names if is_language_code(name)} - _NO_LANGUAGES
        return cls(tuple(sorted(codes)), default)

    def for_collection(self, iso_code: str) -> str | None:
        """Tesseract's code for an ISO 639-1 language if it is installed, else the default one.

        None where neither is installed.
        """
        wanted = (tesseract_language(iso_code), self.default)
        return next((code for code in wanted if code and not self._missing(code)), None)

    def refusal(self, language: str) -> str:
        """Why ``language``, one or several joined by ``+``, can't be read; empty if it can."""
        if not is_language_code(language):
            return f"not a language code of Tesseract's (got {clip(language)}, such as eng+deu)"
        missing = self._missing(language)
        if missing:
            return (
                f"language not installed (got {clip('+'.join(missing))}, "
                f"allowed {', '.join(self.installed) or 'none'})"
            )
        return ""

    def require(self, language: str) -> None:
        """Raises StartupError where ``language``, one or several joined by ``+``, can't be read."""
        refusal = self.refusal(language)
        if refusal:
            raise StartupError(f"TRIPTYCH_OCR_LANGUAGE={language}: {refusal}")

    def _missing(self, language: str) -> list[str]:
        """The parts of ``language`` that are not installed."""
        return [part for part in language.split("+") if part not in self.installed]
