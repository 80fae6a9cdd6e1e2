"""Whatever goes wrong with a service: papers end honestly, and nothing is lost."""
