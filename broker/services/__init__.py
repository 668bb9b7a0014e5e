"""What the broker does, one noun a file. No framework, no concrete backend: protocols and values come in."""
