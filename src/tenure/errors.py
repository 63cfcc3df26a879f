"""Errors caused by a user's input."""

from enum import StrEnum


class Reason(StrEnum):
    """Why a command did not end with exit code 0, for programs: stable words beside the message for people."""

    NO_MODEL = "no_model"
    NO_CHAMPION = "no_champion"
    FILES_CHANGED = "files_changed"
    BAD_LOG = "bad_log"
    BAD_SETTING = "bad_setting"
    FIT_FAILED = "fit_failed"
    DISK_FULL = "disk_full"
    DISK_ERROR = "disk_error"
    PACKAGE_MISSING = "package_missing"
    DATA_UNREACHABLE = "data_unreachable"
    STORE_UNREACHABLE = "store_unreachable"
    STORE_MISSING = "store_missing"
    STORE_DAMAGED = "store_damaged"
    REVIEW_FAILED = "review_failed"
    PROMOTION_REFUSED = "promotion_refused"
    INTERRUPTED = "interrupted"
    TERMINATED = "terminated"
    OUTPUT_CLOSED = "output_closed"
    INTERNAL = "internal"


class InputError(ValueError):
    """An invalid setting, log, summary or request; the message says how to correct it.

    Each module derives its own class. Commands print the message alone, end with `exit_code`, and write `reason` to the
    file of `result.path`.
    """

    exit_code = 2
    reason = Reason.BAD_SETTING
