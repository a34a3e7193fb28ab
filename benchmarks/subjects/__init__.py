"""One file a subject: ``TITLE``, and ``run(bench) -> Findings``."""
