"""Draws the pictures of the demo: things, products, posters, signs and labels."""
