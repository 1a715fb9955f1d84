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
├── EngineError                   the engine for work over all users
├── ModelError                    a model, or its registry
│   ├── NoChampionError
│   │   └── HeldBackError
│   ├── NothingToRollBackError
│   └── TooLittleDataError
├── TracesLeftError               erasing a person
├── RequestError                  a request to the API
│   ├── BodyError
│   ├── BacklogError
│   ├── KeyReusedError
│   ├── NothingToExplainError
│   ├── UnknownUserError
│   ├── UnknownSnapshotError
│   └── UnknownExperimentError
└── StackError                    the servers of `make run`
    └── PreflightError

Each message says what happened, where, and what to do; it holds no secret. The command line prints it as one line.
Anything else that is raised is a fault of the project or of the machine, and keeps its traceback.
"""


class FirstdayError(Exception):
    """The base of every error that a caller can handle."""


class SettingsError(FirstdayError):
    """An environment variable holds what cannot be used; the message names it.

    Remedy: Set the variable that the message names to a value of the [settings](settings.md), or unset it.
    """


class InputError(FirstdayError):
    """An argument that a person gave cannot be used.

    Remedy: Correct the argument; `firstday COMMAND --help` lists what is expected.
    """


class UseCaseError(FirstdayError):
    """A use case's files contradict each other or themselves; the message names file, key and expectation.

    Remedy: Correct the file and key that the message names; `firstday check-use-case NAME` lists all errors by line.
    """


class LakeError(FirstdayError):
    """The lake cannot be opened or written; the message says where and what to do."""


class NoLakeError(LakeError):
    """There is no lake yet, or none of this use case; the first writer makes it.

    Remedy: Ingest a file and run `firstday micro-batch`, or start `make run`.
    """


class LostCatalogError(LakeError):
    """Data files are there that the catalog does not know: it was lost or replaced. Nothing was created.

    Remedy: Restore the catalog from a backup (`firstday restore`), or check `FIRSTDAY_LAKE_CATALOG`. Never delete
    the data files.
    """


class DamagedFilesError(LakeError):
    """Data files are missing or differ from what was written; the message names them.

    Remedy: Copy the named files from a backup into the data path, and run `firstday verify`.
    """


class OrphansError(LakeError):
    """Files that no commit names are too many or too old to be leftovers of killed processes; none was deleted.

    Remedy: Check that the catalog belongs to this data path before any file is deleted; else restore it from a backup.
    """


class BackupError(LakeError):
    """A copy cannot be made or used; the message says why and what to do.

    Remedy: Do what the message says: choose an empty folder, or another backup.
    """


class LockTimeoutError(LakeError):
    """Another writer has held the lake for too long.

    Remedy: Retry. If it recurs, `firstday status` names the run of the latest commit, and a writer hangs since then.
    """


class QueryError(FirstdayError):
    """DuckDB refused a statement or could not run it. Its own error is the cause.

    Remedy: Correct the statement; DuckDB's message names the position.
    """


class ConflictError(QueryError):
    """Another transaction changed the same table meanwhile; nothing was written, and another try may succeed.

    Remedy: None is needed: stages repeat the transaction.
    """


class FatalQueryError(QueryError):
    """DuckDB has invalidated its instance after an internal error; only a new connection can go on.

    Remedy: None is needed: stages go on over a new connection. If it recurs, look at the cause in the log.
    """


class CheckpointConflictError(FirstdayError):
    """Another run of the stage has processed these micro-batches meanwhile; nothing of this attempt was written.

    Remedy: None is needed: the rows are committed by the other run.
    """


class UnreadableFileError(FirstdayError):
    """A file is not what its name says, or is truncated or corrupt; the message says what was expected.

    Remedy: Correct the file in `quarantine/`, and ingest it again.
    """


class SourceError(FirstdayError):
    """The server did not answer, or not what was asked for; the message says what it answered.

    Remedy: Check the server and the Airflow Connection; the next run continues where the last one ended.
    """


class SourceBusyError(SourceError):
    """Another run is reading this source.

    Remedy: None is needed: the other run reads the messages.
    """


class DeliveryError(FirstdayError):
    """The target did not take the rows; the message says what it answered.

    Remedy: Check the target and the Airflow Connection; pending predictions are delivered afterwards.
    """


class BackedOffError(DeliveryError):
    """The target has failed and is not tried again yet; the message says until when, and why.

    Remedy: Correct the target; it is tried again at the time in the message.
    """


class EngineError(FirstdayError):
    """The engine for work over all users cannot be reached or used; nothing was changed.

    Remedy: Correct what the message names, or set `FIRSTDAY_ENGINE=local`.
    """


class ModelError(FirstdayError):
    """A model does not fit the use case, or holds what must not be loaded.

    Remedy: Train a model for the present features, or roll back.
    """


class NoChampionError(ModelError):
    """No model carries the alias `champion`, so nothing can be scored until there is one.

    Remedy: Train a model (`firstday train`), or configure `scoring.bundled_model`.
    """


class HeldBackError(NoChampionError):
    """The champion is the bundled model, and its features are not those of its training: nobody is scored with it.

    Remedy: Train a model on your own events (`firstday train`), or correct the enrichment table that the message names.
    """


class NothingToRollBackError(ModelError):
    """There is no version to go back to; the message says what there is.

    Remedy: Choose one of the versions that the message lists.
    """


class TooLittleDataError(ModelError):
    """Too few users have a known label; the message says how many there are and how many are needed.

    Remedy: Wait for labels, or lower `training.minimum_users`, `training.label_known_after_hours` or
    `training.label_horizon_hours`.
    """


class TracesLeftError(FirstdayError):
    """Something of an erased person is left; the message names the files, not the person.

    Remedy: Run the erasure again; if files remain, they are named in the message.
    """


class RequestError(FirstdayError):
    """The base of what the API answers with a status other than 200."""


class BodyError(RequestError):
    """A body that cannot be taken; `code` is the HTTP status that says so.

    Remedy: Correct the body; the message names the line.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class BacklogError(RequestError):
    """More bytes are pending in landing than the settings allow.

    Remedy: Retry after the seconds in `Retry-After`.
    """


class KeyReusedError(RequestError):
    """An Idempotency-Key came with other events than the first time.

    Remedy: Use another `Idempotency-Key` for other events.
    """


class NothingToExplainError(RequestError):
    """There is no champion, or the user has no features.

    Remedy: Train a model, or choose a registered user.
    """


class UnknownUserError(RequestError):
    """No user of that id has registered.

    Remedy: Check the id, exactly as it is stored.
    """


class UnknownSnapshotError(RequestError):
    """There is no such snapshot of the lake, or not any more.

    Remedy: Choose one of the Lake room's list: older ones are expired by maintain_lake.
    """


class UnknownExperimentError(RequestError):
    """No experiment has that name.

    Remedy: Check the name: the Experiments room and `firstday effect` list the experiments.
    """


class StackError(FirstdayError):
    """The servers cannot be started or run.

    Remedy: Look at the log that the message names.
    """


class PreflightError(StackError):
    """Something that must be true before the servers start is not, in one sentence for the user.

    Remedy: Do what the message says, and start again.
    """
