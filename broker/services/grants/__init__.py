"""The token endpoint: `base` holds the phases every grant walks through, then one file per grant type."""
