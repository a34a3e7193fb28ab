"""The demo: sample pictures, a real server, and questions with expected answers."""
