"""Keeps the asynchronous client and the list of public names in step with the client."""
