"""Drives Ignition gateways over HTTP; httpx2 is imported with the first request."""
