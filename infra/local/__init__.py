"""The deployed app on this machine: what `cdk synth` produced, run on a loopback AWS."""
