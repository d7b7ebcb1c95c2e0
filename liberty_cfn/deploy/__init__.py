"""Getting the templates, and one environment's settings, into AWS.

One idea a module, each importing only from those above it:

    errors       what ends a command, said to the person at the terminal
    faults       which errors from AWS are transient, and what the others mean
    answers      how AWS's are read, and asked for again if they can't be
    models       botocore's descriptions of AWS's services, read quickly
    sessions     boto3 sessions that read services and answers as above
    targets      which account and region, and with which credentials
    statuses     what each state of a stack means
    stack        a stack, as CloudFormation describes it
    patience     asking AWS until it answers
    causes       known causes of failures, each with the step that solves it
    hooks        what early validation, or a hook, refused, and why
    events       what happens in a stack, and in those nested in it
    finding      what is known about a setting or a resource beforehand
    tasks        the environment's ECS service, and why its tasks stopped
    secrets      which have a value, and those that a person sets
    delegation   whether DNS leads to the hosted zone
    certificates what one that isn't issued yet still waits for
    images       which image runs, by digest
    leftovers    names that a new environment needs, and that are taken
    named        whether what the settings name is there, and can be used
    disks        changes of a disk that RDS refuses
    quotas       whether a region has room for another environment
    beforehand   what would make a deploy fail, asked before anything is made
    linked_roles service-linked roles, made before the first resource that needs them
    buckets      a private bucket for templates, in each account and region
    packaging    templates uploaded under the digest of their content
    changes      what a change set says would change
    weighing     what is dangerous about a change
    drift        every stack compared with what it was deployed as
    by_hand      what a deploy would do to changes made by hand
    discarding   change sets discarded, so that none stays behind
    change_sets  what would change, stack by stack
    plans        what would become of all stacks, in words and in figures
    work         what a command works on, and whom it tells and asks
    protection   what keeps a deployed environment from loss by accident
    diagnosis    why it failed, first-hand
    waiting      what an operation waits for, said meanwhile
    following    an operation reported as it happens, and followed to its end
    operations   a stack's life after deploying: cancel, rollback
    foreseeing   what is deployed, reviewed against what would be: what fails, what is lost
    migrating    the database, before the service moves to the version that needs it
    preparing    what deploying would do
    carrying_out a change set executed once and followed, and its stacks protected
    kept_secrets what a destroy kept of these, put aside and given back
    adopting     taking in what an earlier destroy kept
    deploying    the way through all of these
    destroying   taking everything down, except what is kept
    live         what is happening, as a tree that moves
    showing      trees, tables and Markdown of the above
    telling      a deploy as it goes along: a tree that moves, or lines
    stack_sets/  all this in many accounts and regions

State is kept only in AWS.
"""
