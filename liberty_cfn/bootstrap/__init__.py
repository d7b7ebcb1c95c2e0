"""What an account needs before the first deploy, made once by an administrator.

    rights       what each resource type, and the deploy helper, asks of AWS
    deploy_role  the role that GitHub's workflows deploy with

A template each, in templates/bootstrap/; nothing here is nested in the root.
"""
