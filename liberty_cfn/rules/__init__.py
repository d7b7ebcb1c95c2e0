"""House rules: what AWS refuses, or what hurts later, that linters of one template miss.

They look at what comes of a whole set of templates with one environment's values: names
with their suffix, rules with their ports, a task with the roles it really gets. A rule is a
function and what is to be said about it; no rule knows of another.

    rule              what a rule is, and what it is given to look at
    expected          what AWS takes for a property, in words and as a test
    statements        what documents say that are JSON, or text of it
    ordering          what CloudFormation makes before what
    placing           where things are: zones and routes
    front             load balancers, listeners, and what they send where
    examples          examples of what is wrong, made of what is right
    between_stacks    LC10xx  what stacks hand each other
    names             LC11xx  what things are called
    load_balancing    LC120x  load balancers, the groups behind them, and their logs
    listening         LC122x  what listens, and where it sends whom
    domains           LC124x  certificates, and the names under which people come
    vault             which secret is meant, and what is in it
    tasks             LC130x  tasks, and the containers in them
    running           LC132x  what a task needs to start, and the truth
    services          LC134x  clusters, the services in them, and how they scale
    windows           times of the day and the week, as databases and caches keep them
    databases         LC140x  databases, the subnets they are in, their parameters
    caches            LC142x  caches, of one node or several
    buckets           LC144x  buckets, repositories, and what is kept of what holds data
    secrets           LC150x  secrets, how they are generated, who else could read them
    references        LC152x  what CloudFormation looks up, and where secrets end up
    policy_documents  policies as they stand in a design, and whose they are
    policy_examples   a role, a key and a topic that are right
    authorization     what each action is about, as AWS says
    actions           LC16xx  actions, and what they are about
    trust             LC16xx  who may act, and in whose place
    policies          LC16xx  policies as documents: form, names, size
    managed_policies  the policies that AWS has
    privileges        LC16xx  how much is allowed, and by which policies of AWS
    network_examples  a small network that is right
    vpcs              LC17xx  VPCs and their subnets: addresses, zones, names, logs
    routes            LC17xx  routes, gateways and endpoints
    security_groups   LC17xx  security groups, and whom they let in and out
    reachability      LC17xx  whether who is to talk to each other can
    metric_names      the metrics AWS has, and the dimensions they come with
    metrics           whether a metric has data, and whose it is
    alarms            LC180x  what alarms look at, when they go off, whom they tell
    telling           LC182x  topics, their keys, events, and where those go
    watching          LC184x  log groups, what is counted in them, dashboards
    limits            LC19xx  limits and tags
    checking          all of them, over a set of templates
    document          docs/rules.md

To add one: write a function that yields problems, and a `Rule` in the module's `RULES` with
an example that is good and several that are not; the tests run them all.
"""
