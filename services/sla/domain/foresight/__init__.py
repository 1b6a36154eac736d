"""Foresight: how probable it is that a clock passes its target, from how long others lasted.

All of it is a survival estimate of *business* time: clocks that have ended are events, clocks
that were cancelled or still run are censored.
"""
