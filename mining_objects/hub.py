"""Models that travel: a folder given to somebody else, as a folder or through a Hugging Face hub repository.

    weights/mine                 a folder
    hf:owner/name                a repository, its newest state
    hf:owner/name@REVISION       its state at a branch, a tag or, best, a commit

Nothing is taken over before it is whole and verified: card, checksums, signature. What could run code has no place in a
model: a repository or folder that holds a pickle is refused, whatever else it holds. The hub's address and token are
the library's own business (HF_ENDPOINT, HF_TOKEN, `hf auth login`).
"""

from __future__ import annotations

import re
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mining_objects import fitted_cards
from mining_objects.cards import CARD_NAME, WEIGHTS_NAME, CardFields, author_of, read_any_card, read_card, sign_card
from mining_objects.errors import BrokenCheckpoint, HubFault, MissingPackage, UnsafeModelFile
from mining_objects.result_folders import writing
from protocol.errors import InvalidSetting
from protocol.keys import SigningKey
from protocol.units import Hotkey

PREFIX: Final = "hf:"
NEWEST: Final = "main"
LARGEST: Final = {CARD_NAME: 1_000_000, WEIGHTS_NAME: 2**30}
LARGEST_BESIDE: Final = 10_000_000
"""What stands beside card and weights is for people: README.md, metrics.json, pictures."""
MOST_FILES: Final = 200
_BESIDE: Final = re.compile(r"README\.md|metrics\.json|config\.json|[\w-]{1,60}\.png")
_PICKLES: Final = frozenset({".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib"})
_REPOSITORY: Final = re.compile(r"hf:([\w-][\w.-]{0,95}/[\w-][\w.-]{0,95})(?:@([\w-][\w./-]{0,199}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Repository:
    """A model repository of the hub at a revision."""

    name: str
    revision: str = NEWEST

    def __str__(self) -> str:
        return f"{PREFIX}{self.name}@{self.revision}"


Place = Path | Repository


@dataclass(frozen=True, slots=True)
class Verified:
    """What a model's folder proved to be. author: who signed its card, if anybody."""

    folder: Path
    card: CardFields
    author: Hotkey | None

    @property
    def model(self) -> str:
        return str(self.card["model"])

    @property
    def checksum(self) -> str:
        return str(self.card["card_sha256"])


Check = Callable[[Verified], object]
"""What else a model must pass before it is given or taken: raises what is wrong with it."""


def place_of(text: str) -> Place:
    """A folder, or a repository from `hf:owner/name[@revision]`. Raises InvalidSetting."""
    if not text.startswith(PREFIX):
        return Path(text).expanduser()
    named = _REPOSITORY.fullmatch(text)
    if named is None or ".." in text:
        raise InvalidSetting(f"a repository is hf:owner/name or hf:owner/name@revision, not {text!r}")
    return Repository(named[1], named[2] or NEWEST)


def verify(folder: Path, *, author: Hotkey | None = None) -> Verified:
    """A model's folder, its card and weights found to be what they say. author: who must have signed it, if anybody.

    Raises UnsafeModelFile for a pickle, a link or a file beyond its limit, BrokenCheckpoint for all else that is wrong.
    """
    names = _files_in(folder)
    _check_files(names)
    for name in filter(_is_shared, names):
        _check_size(name, (folder / name).stat().st_size)
    card = read_any_card(folder)
    match card["format"].rpartition("/")[0]:
        case "augury/checkpoint":
            _check_weights(folder, card["model"])
        case "augury/fitted":
            read_card(folder, format=fitted_cards.FORMAT, model=card["model"])
        case _:
            raise BrokenCheckpoint(f"{folder / CARD_NAME}: no model has format {card['format']!r}", path=str(folder))
    found = author_of(card)
    if author is not None and found != author:
        signed = f"signed by {found.hex()}" if found else "signed by nobody"
        raise BrokenCheckpoint(f"{folder / CARD_NAME} is {signed}, not by {author.hex()}", path=str(folder))
    return Verified(folder, card, found)


def push(
    folder: Path,
    destination: Place,
    *,
    key: SigningKey | None = None,
    check: Check | None = None,
    endpoint: str | None = None,
    token: str | bool | None = None,
) -> str:
    """Gives a copy of a model away, verified; returns where it is, a commit for a repository.

    key: signs the copy's card. The folder itself is left as it is.
    Raises what `verify` and `check` raise, HubFault, UnwritableFolder, or InvalidSetting for a folder that is taken.
    """
    found = verify(folder)  # its own names in what is wrong, and not those of a copy
    if check is not None:
        check(found)
    if isinstance(destination, Path):
        with _appearing(destination) as fresh:
            _copy(folder, fresh, key)
        return str(destination)
    with tempfile.TemporaryDirectory() as aside:
        verified = _copy(folder, Path(aside), key)
        with _hub(destination) as hub:
            api = hub.HfApi(endpoint=endpoint, token=token, library_name="augury")
            api.create_repo(destination.name, exist_ok=True)
            files = [hub.CommitOperationAdd(name, Path(aside) / name) for name in _files_in(Path(aside))]
            message = f"{verified.model} {verified.checksum[:8]}"
            commit = api.create_commit(destination.name, files, commit_message=message, revision=destination.revision)
    return str(Repository(destination.name, commit.oid))


def pull(
    source: Place,
    out: Path,
    *,
    author: Hotkey | None = None,
    check: Check | None = None,
    endpoint: str | None = None,
    token: str | bool | None = None,
) -> Verified:
    """A model from elsewhere, verified, in a new folder that appears whole or not at all.

    author: who must have signed it. Raises InvalidSetting when out exists, UnwritableFolder, HubFault, and what
    `verify` and `check` raise.
    """
    if isinstance(source, Path):
        verify(source, author=author)  # as in push
    with _appearing(out) as fresh:
        if isinstance(source, Repository):
            _download(source, fresh, endpoint=endpoint, token=token)
        else:
            _copy(source, fresh)
        verified = verify(fresh, author=author)
        if check is not None:
            check(verified)
    return Verified(out, verified.card, verified.author)


def _check_weights(folder: Path, model: str) -> None:
    try:
        from mining_objects import checkpoints
    except ModuleNotFoundError as missing:
        raise _not_installed(f"checking {folder / WEIGHTS_NAME}", missing) from missing
    checkpoints.read_weights(folder, read_card(folder, format=checkpoints.FORMAT, model=model))


def _copy(folder: Path, to: Path, key: SigningKey | None = None) -> Verified:
    """The shared files of a folder, in another one, where they are signed if there is a key, and verified."""
    names = _files_in(folder)
    _check_files(names)
    with writing(to):
        for name in filter(_is_shared, names):
            _check_size(name, (folder / name).stat().st_size)
            shutil.copyfile(folder / name, to / name)
        if key is not None:
            sign_card(to, key)
    return verify(to)


def _download(source: Repository, folder: Path, *, endpoint: str | None, token: str | bool | None) -> None:
    """The shared files of one commit of a repository, once its list of files is found to be harmless."""
    with _hub(source) as hub:
        api = hub.HfApi(endpoint=endpoint, token=token, library_name="augury")
        commit = api.model_info(source.name, revision=source.revision).sha
        sizes: dict[str, int] = {}
        for entry in api.list_repo_tree(source.name, revision=commit, recursive=True):
            sizes[entry.path] = getattr(entry, "size", 0) or 0
            if len(sizes) > MOST_FILES:
                raise UnsafeModelFile(f"{source} holds more than {MOST_FILES} files: it is no model", path=str(source))
        _check_files(sizes)
        for name in filter(_is_shared, sizes):
            _check_size(name, sizes[name])
            with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".augury-") as aside:
                fetched = api.hf_hub_download(source.name, name, revision=commit, local_dir=aside)
                _check_size(name, Path(fetched).stat().st_size)
                Path(fetched).replace(folder / name)


def _files_in(folder: Path) -> list[str]:
    """Every file below folder, by its path in it. Raises BrokenCheckpoint when there is no such folder, UnsafeModelFile
    for what is neither a file nor a folder: a link could lead anywhere."""
    if not folder.is_dir():
        raise BrokenCheckpoint(f"{folder} is no folder", path=str(folder))
    names = []
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        if stat.S_ISREG(mode):
            names.append(path.relative_to(folder).as_posix())
        elif not stat.S_ISDIR(mode):
            raise UnsafeModelFile(f"{path} is neither a file nor a folder", path=str(path))
    return names


def _check_files(names: Iterable[str]) -> None:
    """Raises UnsafeModelFile for a path that leads out of its folder, and for a pickle, which is a program."""
    for name in names:
        parts = name.split("/")
        if name.startswith("/") or "\\" in name or ".." in parts or "" in parts or not name.isprintable():
            raise UnsafeModelFile(f"{name!r} leads out of the model's folder", path=name)
        if Path(name).suffix.lower() in _PICKLES:
            raise UnsafeModelFile(
                f"{name!r} may be a pickle, which runs as a program when it is loaded: a model is {CARD_NAME} and "
                f"{WEIGHTS_NAME}",
                path=name,
            )


def _is_shared(name: str) -> bool:
    return name in LARGEST or _BESIDE.fullmatch(name) is not None


def _check_size(name: str, size: int) -> None:
    limit = LARGEST.get(name, LARGEST_BESIDE)
    if size > limit:
        raise UnsafeModelFile(f"{name} has {size:,} bytes, of which a model's may have {limit:,}", path=name)


@contextmanager
def _appearing(out: Path) -> Iterator[Path]:
    """A folder to fill beside `out`, renamed to it at the end, or removed.

    Raises InvalidSetting when out is taken, UnwritableFolder where it cannot be made.
    """
    if out.exists() or out.is_symlink():
        raise InvalidSetting(f"{out} exists; a model is never overwritten", setting="out")
    with writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
    try:
        yield fresh
        with writing(out):
            fresh.chmod(0o755)
            fresh.rename(out)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


@contextmanager
def _hub(repository: Repository) -> Iterator[Any]:
    """The hub's library; whatever it raises becomes HubFault. Raises MissingPackage where it is not installed."""
    try:
        import huggingface_hub
        from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined] # of the HTTP library it stands on
    except ModuleNotFoundError as missing:
        raise _not_installed(str(repository), missing) from missing
    try:
        yield huggingface_hub
    except (HTTPError, OSError, ValueError, LookupError) as failed:
        first_line = str(failed).strip().split("\n", 1)[0]
        raise HubFault(f"{repository}: {type(failed).__name__}: {first_line}", repository=str(repository)) from failed


def _not_installed(what: str, missing: ModuleNotFoundError) -> MissingPackage:
    return MissingPackage(
        f"{what} needs {missing.name}, which is not installed: pip install 'augury[miner]'", package=missing.name
    )
