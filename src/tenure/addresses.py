"""Addresses of stores and servers as they may be printed: without passwords."""

import re

HIDDEN = "***"
_ADDRESS = re.compile(r"[A-Za-z][\w+.-]*:/{2}\S+")
_USER = re.compile(r"^([^:]+:/{2})([^\s:/@]*)(:\S*)?@")
_VALUE = re.compile(r"([?&;#][^=&;\s?#]*=)[^&;\s]*")
_NAMELESS = re.compile(r"\?[^=&;\s?#'\"]+(?=[&;#'\"]|$)")  # a query that is a token alone
# What libraries say of a request (`with url: /api?token=...`), and how drivers write what they connect with.
_REQUEST = re.compile(r"(?<=url: )/\S*\?\S*")
_PLACE = re.compile(r"\b(postgres(?:ql)?|iceberg|delta):(?!/{2})\S*@", re.IGNORECASE)  # a connection instead of a table
_PASSWORD = re.compile(r"\b((?:password|passwd|pwd|secret|token|api_?key)\s?=\s?)(?!\*)[^\s&;,'\"]+", re.IGNORECASE)


def mask(text: str) -> str:
    """Return a text with the user information and the query values of every address in it hidden.

    A password may itself contain `/`, `@` or quotes, and a token may stand where a user name does, so all up to the
    last `@` is hidden, except the name of a user who has a password.

    >>> mask("postgresql://ann:s3cret@db:5432/mlflow?sslmode=require&password=s3cret")
    'postgresql://ann:***@db:5432/mlflow?sslmode=***&password=***'
    >>> mask("https://token@mlflow.example.com"), mask("sqlite:///mlflow.db")
    ('https://***@mlflow.example.com', 'sqlite:///mlflow.db')
    """
    masked = _ADDRESS.sub(_masked, text)
    masked = _PLACE.sub(rf"\1:{HIDDEN}@", masked)
    masked = _REQUEST.sub(lambda match: _hide_values(match[0]), masked)
    return _PASSWORD.sub(rf"\1{HIDDEN}", masked)


def mask_address(uri: str) -> str:
    """Return an address without passwords, also where it has no scheme, or spaces in it.

    >>> mask_address("ann:s3cret@db:5432/x"), mask_address("postgresql://ann:my s3cret@db/x")
    ('***@db:5432/x', 'postgresql://***@db/x')
    """
    masked = mask(uri)
    start, _, host = masked.rpartition("@")
    is_masked = not re.search(r"\s", start) and start.endswith(HIDDEN)
    if not host or not start or is_masked:
        return masked
    scheme = re.match(r"[A-Za-z][\w+.-]*:/{2}", start)
    return f"{scheme[0] if scheme else ''}{HIDDEN}@{host}"


def _masked(match: re.Match[str]) -> str:
    address = _USER.sub(_hide_user, match[0])
    quote = address[-1] if address[-1] in "'\"" else ""
    hidden = _hide_values(address)
    return hidden + quote if quote and not hidden.endswith(quote) else hidden


def _hide_values(address: str) -> str:
    return _NAMELESS.sub(f"?{HIDDEN}", _VALUE.sub(rf"\1{HIDDEN}", address))


def _hide_user(match: re.Match[str]) -> str:
    scheme, user, password = match.groups()
    # With no password after it the name itself is the token.
    return f"{scheme}{HIDDEN}@" if password in (None, ":") and user else f"{scheme}{user}:{HIDDEN}@"
