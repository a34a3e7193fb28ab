"""gRPC: one servicer a file (parse, use case, answer), and the interceptors around them."""
