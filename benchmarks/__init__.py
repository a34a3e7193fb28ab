"""How fast it is, as ratios of interleaved arms: ``make bench`` runs them and writes REPORT.md."""
