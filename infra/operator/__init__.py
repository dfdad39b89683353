"""The operator's command, `billing`: see and act, on deployed stacks and on local folders."""
