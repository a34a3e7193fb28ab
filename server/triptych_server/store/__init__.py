"""The vector store: where collections and points are kept, behind ``domain.ports.VectorStore``."""
