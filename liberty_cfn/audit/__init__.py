"""The controls that well-known checkers raise on the design, met or accepted with a reason.

Run by `make audit`, in an environment of their own. One idea a module, each importing only
from those above it:

    inputs    each environment's design as a template that the checkers can read
    tools     checkov and AWS's Guard rules, run; what they say of each control
    accepted  the findings that are accepted, and why
    judging   what is neither met nor accepted, and what is accepted in vain
    document  docs/well-architected.md
"""
