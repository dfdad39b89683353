"""The only code that touches the outside: S3, Step Functions, Secrets Manager, Clazar."""
