"""What a change to a set of templates does to AWS, said offline.

Small pure functions over what liberty_cfn.model resolves, ours or anybody's templates; each
module imports only from those above it:

    spelling    an expression as text, and what it refers to
    traffic     sets of addresses, and of what passes between them
    places      who is where: groups, subnets, routes, network ACLs
    reach       who can open a connection to whom
    actions     the actions AWS knows
    statements  every statement of every policy
    grants      who may do what to what, and what a change grants
    deciding    whether a request is allowed
    affected    what a change can touch at all, without any values
    comparing   what differs between two values
    schemas     CloudFormation's resource schemas, as cfn-lint carries them
    documented  what AWS documents of updates where the schemas are silent
    replacement whether changing a property makes a resource anew
    identity    what only one resource can have at a time
    changes     what becomes of each resource, replacements followed through
    findings    what a reviewer is told, from the most dangerous on
    protections what holds data, and what protects it
    losing      data, secrets and protection that go
    failing     what AWS would refuse half-way
    waiting     which resources wait for each other, in circles
    dangling    what refers to something that isn't made
    whole       what goes wrong in a set or an environment as a whole
    silencing   checks that are no longer asked
    operating   what stops, restarts, scales or is watched in another way
    needing     who has to reach whom
    public      what lets the public in, by type
    opening     what is opened to whom
    routing     what a subnet is sent another way, or none
    granting    what is granted to whom
    prices      list prices, dated
    costs       what a change adds to the bill
    values      params/ of a revision
    sources     versions, from git or folders
    reviewing   two versions compared, for each environment
    words       values as people read them
    folding     environments in which the same happens, told once
    text        a review to read
    markdown    a review as a pull request's comment
    data        a review for programs
    explaining  one resource: who refers to it, what replacing it would do
    deployed    what AWS has, as a version; alone in asking AWS
"""
