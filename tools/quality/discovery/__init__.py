"""Discovery over drawn pictures: what is like a target, on the right side of pairs of examples."""
