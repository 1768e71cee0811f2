"""The pure core: no AWS, no clock, no environment, no network.

What needs the time takes it as an argument; randomness is a passed seed.
"""
