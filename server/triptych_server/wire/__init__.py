"""Between the contract and the domain: parsing is the validation, and errors become statuses."""
