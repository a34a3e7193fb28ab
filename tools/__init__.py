"""Programs of development: none of them is in the wheel."""
