"""Benchmarks: each figure is a ratio to a floor of the same run, never a bare number.

Other work on the machine makes wall-clock figures swing by two or three times, CPU per operation
by a fifth. So contestants take turns in rounds, medians and extremes are given, CPU is given
beside throughput, and only figures of one run are compared.
"""
