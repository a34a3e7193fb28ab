"""The parts of `AsyncClient`.

`*_calls.py` are made from the modules of the same names beside this package, by
`python -m tools.client.aio`; change those. `calls.py` and `channel.py` are written by hand.
"""
