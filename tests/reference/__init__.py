"""The reference pages of the documents, written from code: `python -m tests.reference`."""
