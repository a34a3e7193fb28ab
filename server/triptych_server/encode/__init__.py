"""Pictures and texts become vectors, terms and words: models, Pillow and Tesseract stay in here."""

from triptych_server.encode.telemetry import switch_off_telemetry

# Here, since onnxruntime looks at the setting once, when the first module imports it.
switch_off_telemetry()
