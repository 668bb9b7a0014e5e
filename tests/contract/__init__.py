"""Rules every implementation of a protocol keeps; the tests of each implementation inherit them."""
