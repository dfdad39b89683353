"""What the app uses of AWS, on loopback."""
