"""Hash customer ids with a secret salt, so that outputs do not name customers.

A hashed id is the HMAC-SHA256 of the id's text in UTF-8 with the salt as its key, its first 32 hexadecimal digits. The
salt comes from the environment alone, and is neither logged nor stored.
"""

import hmac
import os
from typing import Any

import pandas as pd

from .errors import InputError
from .summary import canonical_ids

SALT = "TENURE_ID_SALT"  # in the environment
LEAST_BYTES = 16
DIGITS = 32  # of a hashed id; of a billion customers, two have the same with a probability of 1.5e-21
_OF_SALT = b"\0salt"  # what is hashed for the digest of the salt; no id is this text


class SaltError(InputError):
    """A salt that is missing or too short."""


class IdHashing:
    """The hashing of ids with one salt, which is shown nowhere."""

    def __init__(self, salt: bytes) -> None:
        self._salt = salt

    def hash(self, ids: "pd.Series[Any]") -> "pd.Series[str]":
        """Return the hashed ids; 7 and '7' are one customer.

        >>> IdHashing(b"0123456789abcdef").hash(pd.Series([7])).tolist()
        ['f69cf4852626eee19b92af564b9413e4']
        """
        digests = [self._digest(text.encode())[:DIGITS] for text in canonical_ids(ids).tolist()]
        return pd.Series(digests, dtype="str", name="customer_id")

    def replace(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return a table with hashed ids, in its order."""
        return table.assign(customer_id=self.hash(table["customer_id"]).array)

    @property
    def digest(self) -> str:
        """Return a digest of the salt, to find out whether two outputs have the same."""
        return self._digest(_OF_SALT)

    def _digest(self, content: bytes) -> str:
        return hmac.digest(self._salt, content, "sha256").hex()


def hashing_of(hash_ids: bool) -> IdHashing | None:
    """Return the hashing with the environment's salt, None if ids are not to be hashed.

    Raises SaltError where there is no salt, or one that is too short.
    """
    if not hash_ids:
        return None
    salt = os.fsencode(os.environ.get(SALT, ""))
    if len(salt) < LEAST_BYTES:
        what = f"has {len(salt)} bytes" if salt else "is missing"
        raise SaltError(
            f"hash_ids=true needs a secret salt of at least {LEAST_BYTES} bytes in the environment, and {SALT} {what}."
            " Create one, such as by `openssl rand -hex 32`, and keep it: other salts give other ids."
        )
    return IdHashing(salt)
