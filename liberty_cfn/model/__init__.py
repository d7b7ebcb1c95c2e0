"""What a set of nested templates means, worked out offline.

Works on any set of CloudFormation templates, ours or not. One idea a module, each importing
only from those above it:

    loops       Fn::ForEach written out
    parsing     the text of a template as plain data, with the line of everything in it
    loading     which templates are nested in which
    subs        the text of Fn::Sub, taken apart
    flattening  a nested set as one template that makes the same resources
    one_template  our design, flattened, as YAML
    referring   what a value refers to
    resolving   the resources that come of it, with one environment's values
    untold      outputs that are used where a condition keeps them from being told
    times       how long each resource typically takes
    makespan    how long all of it takes, nested and flat
"""
