"""Adapters on boto3: clients are injected, errors come out as the core's own."""
