"""Answer quality: written questions over the demo's pictures, and what fusion makes of them."""
