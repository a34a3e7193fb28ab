"""The seeds of every picture and sentence that is drawn by chance; no range meets another."""

TOKENIZER_SEED = 1_000
TRAINING_SEEDS = range(10_000, 1_000_000)
MONITOR_SEED = 2_000_000
EVALUATION_SEEDS = range(3_000_000, 3_000_100)
REFERENCE_SEED = 4_000_000
COMPOSED_SEEDS = range(5_000_000, 5_000_002)
DISCOVERY_SEED = 6_000_000
