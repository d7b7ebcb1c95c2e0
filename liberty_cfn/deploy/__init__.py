"""Getting the templates, and one environment's settings, into AWS.

One idea a module, each importing only from those above it:

    targets      which account and region, and with which credentials
    statuses     what each state of a stack means
    beforehand   what would make a deploy fail, asked before anything is made
    packaging    templates uploaded under the digest of their content
    change_sets  what would change, stack by stack
    following    what is happening, until it is over
    diagnosis    why it failed, first-hand
    deploying    the way through all of these
    destroying   taking everything down, but what is kept
    showing      tables and trees of the above

State is kept only in AWS.
"""
