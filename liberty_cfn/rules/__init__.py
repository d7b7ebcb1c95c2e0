"""House rules: what AWS refuses, or what hurts later, that linters of one template miss.

They look at what comes of a whole set of templates with one environment's values: names
with their suffix, rules with their ports, a task with the roles it really gets. A rule is a
function and what is to be said about it; no rule knows of another.

    rule            what a rule is, and what it is given to look at
    between_stacks  LC10xx  what stacks hand each other
    names           LC11xx  what things are called
    load_balancing  LC12xx
    tasks           LC13xx
    data            LC14xx
    secrets         LC15xx
    iam             LC16xx
    network         LC17xx
    observability   LC18xx
    limits          LC19xx  limits and tags
    checking        all of them, over a set of templates

To add one: write a function that yields problems, and a `Rule` in the module's `RULES` with
an example that is good and several that are not; the tests run them all.
"""
