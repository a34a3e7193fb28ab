"""Composed inputs over drawn pictures: this one, but on another ground."""
