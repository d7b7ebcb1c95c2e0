"""Statements about the design that are proved, with every environment's values.

One idea a module, each importing only from those above it:

    connections  exactly these can open a connection to each other
    uses         what resources do by themselves: why something has to be granted
    permissions  each grant is used, each wildcard has a reason, each request is decided right
    retention    nothing stateful goes with its stack, or when it is replaced
    proving      all of it, over every environment
    document     docs/security.md
"""
