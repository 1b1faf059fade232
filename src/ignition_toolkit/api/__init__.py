"""Parent wing: HTTP. The addresses, live events, and errors as `application/problem+json`."""
