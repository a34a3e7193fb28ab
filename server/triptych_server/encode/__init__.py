"""Pictures and texts become vectors, terms and words: models, Pillow and Tesseract stay in here."""
