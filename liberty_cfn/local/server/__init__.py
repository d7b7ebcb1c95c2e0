"""The local AWS: ministack, and what it lacks for our templates.

Runs in the virtual environment that holds ministack, as `python -m server`; nothing here may
import liberty_cfn, and nothing outside may import this.
"""
