"""What upstreams tell of people (security events, data deletion requests): believed, done, answered (ADR 65, 70)."""
