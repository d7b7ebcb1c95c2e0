"""The ports that more than one stack needs: who listens there, and whom groups let there."""

HTTP, HTTPS, APP, POSTGRES, REDIS = 80, 443, 8000, 5432, 6379
