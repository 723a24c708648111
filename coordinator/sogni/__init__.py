"""Chat over a socket as Sogni's own SDKs speak it: pure, the fourth wording of the same job."""
