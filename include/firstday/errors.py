"""Every error of the project that a caller can handle, in one tree.

FirstdayError
├── SettingsError                 an environment variable
├── InputError                    an argument of a command
├── UseCaseError                  a business case's YAML or SQL
├── LakeError                     the lake as a whole
│   ├── NoLakeError
│   ├── LostCatalogError
│   ├── DamagedFilesError
│   ├── OrphansError
│   ├── BackupError
│   └── LockTimeoutError
├── QueryError                    one statement, refused by DuckDB
│   ├── ConflictError
│   └── FatalQueryError
├── CheckpointConflictError       another run of a stage was quicker
├── UnreadableFileError           a file in landing
├── SourceError                   a queue or bucket that events come from
│   └── SourceBusyError
├── DeliveryError                 a target of predictions
│   └── BackedOffError
├── ModelError                    a model, or its registry
│   ├── NoChampionError
│   ├── NothingToRollBackError
│   └── TooLittleDataError
├── TracesLeftError               erasing a person
├── RequestError                  a request to the API
│   ├── BodyError
│   ├── BacklogError
│   ├── KeyReusedError
│   ├── NothingToExplainError
│   └── UnknownUserError
└── StackError                    the servers of `make run`
    ├── PreflightError
    └── ComposeError

Each message says what happened, where, and what to do; it holds no secret. The command line prints it as one line.
Anything else that is raised is a fault of the project or of the machine, and keeps its traceback.
"""


class FirstdayError(Exception):
    """The base of every error that a caller can handle."""


class SettingsError(FirstdayError):
    """An environment variable holds what cannot be used; the message names it."""


class InputError(FirstdayError):
    """An argument that a person gave cannot be used."""


class UseCaseError(FirstdayError):
    """A use case's files contradict each other or themselves; the message names file, key and expectation."""


class LakeError(FirstdayError):
    """The lake cannot be opened or written; the message says where and what to do."""


class NoLakeError(LakeError):
    """There is no lake yet, or none of this use case; the first writer makes it."""


class LostCatalogError(LakeError):
    """Data files are there that the catalog does not know: it was lost or replaced. Nothing was created."""


class DamagedFilesError(LakeError):
    """Data files are missing or differ from what was written; the message names them."""


class OrphansError(LakeError):
    """Files that no commit names are too many or too old to be leftovers of killed processes; none was deleted."""


class BackupError(LakeError):
    """A copy cannot be made or used; the message says why and what to do."""


class LockTimeoutError(LakeError):
    """Another writer has held the lake for too long."""


class QueryError(FirstdayError):
    """DuckDB refused a statement or could not run it. Its own error is the cause."""


class ConflictError(QueryError):
    """Another transaction changed the same table meanwhile; nothing was written, and another try may succeed."""


class FatalQueryError(QueryError):
    """DuckDB has invalidated its instance after an internal error; only a new connection can go on."""


class CheckpointConflictError(FirstdayError):
    """Another run of the stage has processed these micro-batches meanwhile; nothing of this attempt was written."""


class UnreadableFileError(FirstdayError):
    """A file is not what its name says, or is truncated or corrupt; the message says what was expected."""


class SourceError(FirstdayError):
    """The server did not answer, or not what was asked for; the message says what it answered."""


class SourceBusyError(SourceError):
    """Another run is reading this source."""


class DeliveryError(FirstdayError):
    """The target did not take the rows; the message says what it answered."""


class BackedOffError(DeliveryError):
    """The target has failed and is not tried again yet; the message says until when, and why."""


class ModelError(FirstdayError):
    """A model does not fit the use case, or holds what must not be loaded."""


class NoChampionError(ModelError):
    """No model carries the alias `champion`, so nothing can be scored until there is one."""


class NothingToRollBackError(ModelError):
    """There is no version to go back to; the message says what there is."""


class TooLittleDataError(ModelError):
    """Too few users have a known label; the message says how many there are and how many are needed."""


class TracesLeftError(FirstdayError):
    """Something of an erased person is left; the message names the files, not the person."""


class RequestError(FirstdayError):
    """The base of what the API answers with a status other than 200."""


class BodyError(RequestError):
    """A body that cannot be taken; `code` is the HTTP status that says so."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class BacklogError(RequestError):
    """More bytes are pending in landing than the settings allow."""


class KeyReusedError(RequestError):
    """An Idempotency-Key came with other events than the first time."""


class NothingToExplainError(RequestError):
    """There is no champion, or the user has no features."""


class UnknownUserError(RequestError):
    """No user of that id has registered."""


class StackError(FirstdayError):
    """The servers cannot be started or run."""


class PreflightError(StackError):
    """Something that must be true before the servers start is not, in one sentence for the user."""


class ComposeError(StackError):
    """The compose file cannot be used; the message names file, service and expectation."""
