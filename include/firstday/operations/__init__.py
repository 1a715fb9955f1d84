"""What keeps an installation healthy: maintenance, backup, export, erasure, status.

No stage of the pipeline is here."""
