"""The single-machine stack: Kafka, a store and a mail sink as real processes of this machine.

Everything it needs comes through pip and Maven Central into a per-user cache, so a machine with
Python alone is enough. `stack.Stack` is the one way in, for the command line and for tests.
"""
