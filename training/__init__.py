"""Trains the models that `imgedit` applies.

It imports `imgedit`; `imgedit` imports this only inside its training commands.
"""
