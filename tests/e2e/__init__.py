"""Tests in a real AWS account, run only where LAMBDA_TUNER_E2E=1 is set and the stack is deployed."""
