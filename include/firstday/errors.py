"""The project's errors."""


class CheckpointConflictError(RuntimeError):
    """Another run of the stage has processed these micro-batches meanwhile; nothing of this attempt was written."""


class LakeError(RuntimeError):
    """The lake cannot be opened or written; the message says where and what to do."""
