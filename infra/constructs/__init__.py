"""Building blocks that the stacks are composed of; none of them knows an environment."""
