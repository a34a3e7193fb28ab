"""What the service is about: plain frozen types, ports, fusion and errors.

Nothing in here knows gRPC, Qdrant, ONNX or Pillow.
"""
