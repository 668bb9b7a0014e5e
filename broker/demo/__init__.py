"""The demo: emulated upstreams, a sample app and a visitor. Only the command line and tests import this."""
