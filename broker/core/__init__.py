"""The pure floor: values and rules. No clock, randomness, network, disk or framework; they come in as arguments."""
