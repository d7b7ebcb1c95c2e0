"""Liberty Social's AWS infrastructure: CloudFormation written in Python.

Values flow one way, and each module imports only from those above it:

    repository    where it is, and what of it is read and written in several places
    errors        what ends a command, for people and for programs
    markdown      text in GitHub's Markdown
    values        the kinds of value that cross a stack boundary
    names         how things are named
    nesting       how a Python function becomes a nested stack
    settings      what may differ between environments, with its defaults
    stateful      which resources hold data, and the policy that keeps them
    aside         work done in another process, beside this one's
    side_by_side  the same done for several things at once
    deferring     what others do when imported, done when it is used
    veiling       secrets that stand in properties, and aren't shown
    policies      policies that more than one stack needs
    ports         ports that more than one stack needs
    stacks/       one function per nested stack
    root          which stacks there are, and who feeds whom
    bootstrap/    what an account needs before the first deploy
    rendering     a template as the YAML we commit
    documents     docs/settings.md
    generation    every generated file
    digests       one digest of a whole set of templates
    fitting       what settings must be to each other
    misfits       what a value of params/ may be
    deployment_targets  the accounts and regions of a stack set
    environments  params/<environment>.yaml, read and checked
    model/        what a set of nested templates means, worked out offline
    review/       what a change does to AWS, said offline
    findings      something wrong, and where
    rules/        house rules: what AWS refuses, or what hurts later
    proofs/       what is true of the design in every environment: docs/security.md
    audit/        the controls that checkers raise: docs/well-architected.md
    checked       what was found good before, and needn't be looked at again
    sparing       cfn-lint, spared what it needn't do
    linters       cfn-lint and cloudformation-validate
    linting       what is wrong with templates and params/
    local/        the local AWS
    verify/       the spec's checklist, from what exists
    deploy/       the templates and an environment's settings, sent to AWS
    mishaps       what went wrong, in words
    cli/          the command line, commands of a kind in a module
"""
