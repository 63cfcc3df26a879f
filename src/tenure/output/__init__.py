"""Outputs: checked before any work, written whole by one process at a time, described in their metadata.

`checks` refuses paths that cannot be written; `locks` keeps other processes away; `atomic` writes files and folders;
`description` reads what a file of scores has in its metadata.
"""

from .atomic import PARTIAL, atomic_file, atomic_folder, created, keep, write_durably
from .checks import refuse_input, require_new_folder, require_parts_writable, require_writable
from .description import METADATA_KEY, describe, is_described
from .errors import OutputError
from .locks import require_alone, require_unlocked, sole_writer

__all__ = [
    "METADATA_KEY",
    "PARTIAL",
    "OutputError",
    "atomic_file",
    "atomic_folder",
    "created",
    "describe",
    "is_described",
    "keep",
    "refuse_input",
    "require_alone",
    "require_new_folder",
    "require_parts_writable",
    "require_unlocked",
    "require_writable",
    "sole_writer",
    "write_durably",
]
