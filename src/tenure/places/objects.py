"""Objects in S3: copied to a folder, and a folder of scores written with its manifest last.

Credentials, region and endpoint are those of AWS's variables in the environment.
"""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow.fs as pafs

from .address import Place
from .errors import PlaceError, Words, error_of

BLOCK = 1 << 23  # bytes
SIGNS = "*?["
UNFINISHED = "unfinished"  # marks the folder of a scoring that was killed, which the next one may continue
CONNECT_SECONDS, ANSWER_SECONDS, ATTEMPTS = 10, 60, 3
_UNREACHABLE = (
    "NETWORK_CONNECTION|curlCode|could ?n.t connect|timed? ?out|SERVICE_UNAVAILABLE|INTERNAL_FAILURE|SLOW_DOWN"
    "|REQUEST_TIMEOUT|resolve host|HTTP response code 5"
)
_REFUSED = (
    "ACCESS_DENIED|INVALID_ACCESS_KEY_ID|SIGNATURE_DOES_NOT_MATCH|INVALID_CLIENT_TOKEN|UNRECOGNIZED_CLIENT"
    "|MISSING_AUTHENTICATION|EXPIRED|InvalidToken|HTTP response code 40[13]"
)
_WORDS: list[Words] = [
    ("NO_SUCH_BUCKET|bucket '[^']*' does not exist|bucket does not exist", False, "there is no such bucket."),
    (_REFUSED, True, "S3 refuses the request: the key of AWS_ACCESS_KEY_ID may not do this, or is no key of it."),
    (_UNREACHABLE, True, "S3 cannot be reached. Its address is that of AWS_ENDPOINT_URL, or of AWS_REGION."),
    ("HTTP response code 30|PERMANENT_REDIRECT", False, "the bucket is in another region: set AWS_REGION."),
]
_FAILED = "S3 failed: {reason}."


def copy_objects(place: Place, folder: Path) -> dict[str, str]:
    """Copy the objects of a key, a pattern or a folder; return their addresses by the paths of the copies, in order.

    Raises PlaceError where there is none, or where one is replaced while it is read.
    """
    bucket, key = place.names
    store = file_system()
    with in_words(place):
        infos = _listed(store, place, bucket, key)
        start = len(_folder_of(f"{bucket}/{key}", infos))
        copies = {}
        for info in infos:
            copy = folder / (info.path[start:].lstrip("/") or info.base_name)
            copy.parent.mkdir(parents=True, exist_ok=True)
            _copy(store, place, info, copy)
            copies[str(copy)] = f"s3://{info.path}"
    return copies


def _folder_of(path: str, infos: Sequence[Any]) -> str:
    """Return the part of the path that the copies leave out."""
    is_folder = path.endswith("/") or (len(infos) >= 1 and infos[0].path.startswith(f"{path}/"))
    return path.rstrip("/") if is_folder else path.rpartition("/")[0]


def _listed(store: Any, place: Place, bucket: str, key: str) -> list[Any]:
    """List the objects that a key names, sorted; names that start with _ or . within a folder are no data."""
    name = key.rpartition("/")[2]
    if any(sign in key for sign in SIGNS):
        if any(sign in key[: len(key) - len(name)] for sign in SIGNS):
            raise PlaceError(place.address, "has a pattern in a folder: only the last part may be one, as *.parquet.")
        parent = f"{bucket}/{key}".rpartition("/")[0]
        listed = [info for info in _files(store, parent, recursive=False) if fnmatchcase(info.base_name, name)]
    else:
        info = store.get_file_info(f"{bucket}/{key}".rstrip("/"))
        if info.type == pafs.FileType.File and not key.endswith("/"):
            return [info]
        parent = info.path
        is_there = info.type == pafs.FileType.Directory
        listed = (
            [one for one in _files(store, parent, recursive=True) if _is_data(one.path[len(parent) :])]
            if is_there
            else []
        )
    if not listed:
        store.get_file_info(pafs.FileSelector(bucket, recursive=False))  # raises where there is no such bucket
        raise PlaceError(place.address, "there is no such object (transactions.path).")
    return sorted(listed, key=lambda one: str(one.path))


def _files(store: Any, folder: str, *, recursive: bool) -> list[Any]:
    infos = store.get_file_info(pafs.FileSelector(folder, allow_not_found=True, recursive=recursive))
    return [info for info in infos if info.type == pafs.FileType.File]


def _is_data(path: str) -> bool:
    return not any(part[0] in "._" for part in path.split("/") if part)


def _copy(store: Any, place: Place, info: Any, copy: Path) -> None:
    with store.open_input_stream(info.path) as stream, copy.open("wb") as file:
        while block := stream.read(BLOCK):
            file.write(block)
    after = store.get_file_info(info.path)
    if (after.size, after.mtime_ns) != (info.size, info.mtime_ns) or copy.stat().st_size != info.size:
        raise PlaceError(place.address, f"{info.base_name} was replaced while it was read. Run the command again.")


class ObjectFolder:
    """A folder of scores in S3: parts, and last a manifest, with which it is complete.

    Attributes:
        place: its address, which ends in a slash.
        about: the name of the folder of what is not rows.
        manifest: the name of the manifest in it.
    """

    def __init__(self, place: Place, about: str, manifest: str) -> None:
        self.place, self.about = place, about
        self.store = file_system()
        self.path = "/".join(place.names).rstrip("/")
        self.manifest = f"{self.path}/{about}/{manifest}"
        self.unfinished = f"{self.path}/{about}/{UNFINISHED}"
        self.is_same = False

    def require_writable(self) -> None:
        """Raise PlaceError where the bucket cannot be written, or the folder has other objects, before any work."""
        with in_words(self.place):
            bucket = self.place.names[0]
            if self.store.get_file_info(bucket).type != pafs.FileType.Directory:
                raise PlaceError(self.place.address, f"there is no bucket {bucket!r}.")
            paths = [info.path[len(self.path) + 1 :] for info in _files(self.store, self.path, recursive=True)]
            if paths and not any(path.startswith(f"{self.about}/") for path in paths):
                shown = sorted(paths)[0]
                raise PlaceError(self.place.address, f"has other objects, such as {shown!r}: name another folder.")
            probe = f"{self.path}/{self.about}/probe"
            self._put(probe, b"")
            self.store.delete_file(probe)

    def claim(self, job: str, *, restart: bool) -> None:
        """Raise PlaceError where the folder has the scores of another job, unless they are to be discarded."""
        with in_words(self.place):
            if self.store.get_file_info(self.manifest).type != pafs.FileType.File or restart:
                return
            with self.store.open_input_stream(self.manifest) as stream:
                before = json.loads(stream.read())
        self.is_same = before.get("job") == job
        if not self.is_same:
            raise PlaceError(
                self.place.address,
                "has the parts of another scoring. Name another output, or set restart=true to discard these parts.",
            )

    def publish(self, files: Sequence[Path], manifest: Path) -> None:
        """Write the files of the parts, remove those of other jobs, and write the manifest last.

        The same job writes the same bytes, so its manifest stays. Without one, the object `UNFINISHED` is there.
        """
        names = {f"{self.path}/{file.name}": file for file in files}
        with in_words(self.place):
            there = [info.path for info in _files(self.store, self.path, recursive=True)]
            if self.manifest not in there or not self.is_same:
                self._put(self.unfinished, b"")
                there = [self.unfinished, *there]
            if self.manifest in there and not self.is_same:
                self.store.delete_file(self.manifest)
            for path in there:
                if path not in (*names, self.manifest, self.unfinished):
                    self.store.delete_file(path)
            for path, file in names.items():
                self._put(path, file.read_bytes())
            self._put(self.manifest, manifest.read_bytes())
            if self.unfinished in there:
                self.store.delete_file(self.unfinished)

    def _put(self, path: str, content: bytes) -> None:
        with self.store.open_output_stream(path) as stream:
            stream.write(content)


def file_system() -> Any:
    """Return S3 with the credentials, the region and the endpoint of the environment."""
    address = endpoint()
    options: dict[str, Any] = {}
    if address is not None:
        url = urlsplit(address)
        options = {"endpoint_override": url.netloc, "scheme": url.scheme}
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    return pafs.S3FileSystem(
        region=region,
        connect_timeout=CONNECT_SECONDS,
        request_timeout=ANSWER_SECONDS,
        retry_strategy=pafs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
        **options,
    )


def endpoint() -> str | None:
    """Return the address of an S3 server that is not AWS's; None for AWS."""
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or None


@contextmanager
def in_words(place: Place) -> Iterator[None]:
    """Convert errors of S3 to a PlaceError; those of this machine's disk stay."""
    try:
        yield
    except FileNotFoundError as error:
        if error.filename is not None:
            raise
        raise error_of(place.address, str(error), _WORDS, "there is no such object.") from None
    except OSError as error:
        if error.filename is not None or (error.errno is not None and "AWS" not in str(error)):
            raise
        raise error_of(place.address, str(error), _WORDS, _FAILED) from None
