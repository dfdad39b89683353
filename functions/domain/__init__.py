"""Pure rules: no boto3, no HTTP, no clock, no environment."""
