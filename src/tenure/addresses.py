"""Addresses of stores and servers as they may be printed: without passwords."""

import re

HIDDEN = "***"
_ADDRESS = re.compile(r"[A-Za-z][\w+.-]*:/{2}\S+")
_USER = re.compile(r"^([^:]+:/{2})([^\s:/@]*)(:\S*)?@")
_VALUE = re.compile(r"([?&;#][^=&;\s?#]*=)[^&;\s]*")


def mask(text: str) -> str:
    """Return a text with the user information and the query values of every address in it hidden.

    A password may itself contain `/`, `@` or quotes, and a token may stand where a user name does, so all up to the
    last `@` is hidden, except the name of a user who has a password.

    >>> mask("postgresql://ann:s3cret@db:5432/mlflow?sslmode=require&password=s3cret")
    'postgresql://ann:***@db:5432/mlflow?sslmode=***&password=***'
    >>> mask("https://token@mlflow.example.com"), mask("sqlite:///mlflow.db")
    ('https://***@mlflow.example.com', 'sqlite:///mlflow.db')
    """
    return _ADDRESS.sub(_masked, text)


def _masked(match: re.Match[str]) -> str:
    address = _USER.sub(_hide_user, match[0])
    quote = address[-1] if address[-1] in "'\"" else ""
    hidden = _VALUE.sub(rf"\1{HIDDEN}", address)
    return hidden + quote if quote and hidden != address else hidden


def _hide_user(match: re.Match[str]) -> str:
    scheme, user, password = match.groups()
    return f"{scheme}{HIDDEN}@" if password is None else f"{scheme}{user}:{HIDDEN}@"
