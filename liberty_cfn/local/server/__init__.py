"""The local AWS, as `python -m server`: ministack, and what it lacks for our templates."""
