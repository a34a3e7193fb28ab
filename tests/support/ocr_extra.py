"""Whether tesserocr, which is an extra of the server, is there."""

from importlib.util import find_spec

import pytest

NO_TESSEROCR = "needs tesserocr: the extra ocr is not installed"
needs_tesserocr = pytest.mark.skipif(find_spec("tesserocr") is None, reason=NO_TESSEROCR)
