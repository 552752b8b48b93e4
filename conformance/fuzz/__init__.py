"""Differential fuzzing: random programs of several statements, run under both libraries in lockstep."""
