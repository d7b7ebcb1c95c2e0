"""What an account needs before the first deploy, made once by an administrator.

    rights       what each resource type, and the deploy helper, asks of AWS
    grants       policies of roles that act on our design, and on nothing else
    deploy_role  the role that GitHub's workflows deploy with
    stack_set_execution_role       the role of a stack set in each target account
    stack_set_administration_role  the role that takes these, in the administrator's account

A template each, in templates/bootstrap/; nothing here is nested in the root.
"""
