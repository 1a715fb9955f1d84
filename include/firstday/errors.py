"""The project's errors."""


class CheckpointConflictError(RuntimeError):
    """Another run of the stage has processed these micro-batches meanwhile; nothing of this attempt was written."""


class LakeError(RuntimeError):
    """The lake cannot be opened or written; the message says where and what to do."""


class NoLakeError(LakeError):
    """There is no lake yet, or none of this use case; the first writer makes it."""


class LostCatalogError(LakeError):
    """Data files are there that the catalog does not know: it was lost or replaced. Nothing was created."""


class DamagedFilesError(LakeError):
    """Data files are missing or differ from what was written; the message names them."""


class OrphansError(LakeError):
    """Files that no commit names are too many or too old to be leftovers of killed processes; none was deleted."""
