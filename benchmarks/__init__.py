"""What the broker costs, beside a bare floor and beside a provider written by others. `make bench` runs it."""
