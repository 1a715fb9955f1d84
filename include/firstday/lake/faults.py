"""Whose fault an error is: of what was being read, or of the machine, its disks and the lake."""

import errno

import duckdb

from include.firstday.errors import CheckpointConflictError, ConflictError, LakeError, QueryError

_ROOM = ("No space left on device", "File too large", "Disk quota exceeded", "max_temp_directory_size")
_ROOM_CODES = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS})
_MACHINE_CODES = _ROOM_CODES | {errno.ENOMEM, errno.EMFILE, errno.ENFILE}
_NO_MEMORY = ("bad allocation", "bad_alloc", "Allocation failure")  # the machine's, not DuckDB's own limit
_LAKE = (CheckpointConflictError, ConflictError, LakeError)


def is_out_of_room(error: BaseException) -> bool:
    """Whether an error says that a disk is full: the fault of no file, and over when there is room again."""
    return any(message in str(error) for message in _ROOM)


def is_of_the_machine(error: BaseException) -> bool:
    """Whether an error comes from a full disk, too little memory or the lake, whatever was being read."""
    if isinstance(error, (*_LAKE, MemoryError)) or is_out_of_room(error):
        return True
    if isinstance(error, OSError):
        return error.errno in _MACHINE_CODES
    if isinstance(error.__cause__, duckdb.HTTPException):  # of the lake's bucket
        return True
    return isinstance(error, QueryError) and any(message in str(error) for message in _NO_MEMORY)
