"""Step Functions: the definitions under moto's interpreter."""
