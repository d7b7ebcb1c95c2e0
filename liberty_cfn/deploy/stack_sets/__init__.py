"""The same design in many accounts and regions, as a CloudFormation stack set.

AWS's own engine fans out; these modules make it safe to use. One idea a module, each importing
only from those above it:

    reaching     the targets' accounts, each through its execution role
    bootstrap    the roles of a self-managed set, installed and looked for
    standing     what exists of a set: its definition, its instances
    beforehand   what would make an operation fail in a target, asked before it begins
    wanted       what a set should be, and what differs
    previews     what would change in every target, before anything does; common parts once
    steps        the operations that it takes, as few as possible
    operations   an operation begun once, and followed by its id
    failures     why a target failed, first-hand
    adopting     taking in what an earlier destroy kept
    protecting   policies against loss in the targets' stacks
    running      operations one after another, until too many fail
    deploying    the way through these: canary first, then region by region
    destroying   the instances, then the set; what is kept of them
    comparing    drift, and the checklist, target by target
    showing      tables of the above
"""
