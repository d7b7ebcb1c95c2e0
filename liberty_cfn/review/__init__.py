"""What a change to a set of templates will do to AWS, said offline.

Small pure functions over what liberty_cfn.model resolves, ours or anybody's templates:

    spelling    an expression as text, and what it refers to
    traffic     sets of addresses, and of what passes between them
    places      who is where: groups, subnets, routes, network ACLs
    reach       who can open a connection to whom
"""
