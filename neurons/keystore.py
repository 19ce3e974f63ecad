"""Key files: a hotkey's seed, encrypted at rest.

A file is JSON: a header (format, public key, and how the seed is kept) and the sealed seed. The key that
seals it is scrypt of the passphrase; the cipher is ChaCha20-Poly1305 with the whole header as associated
data, so that no part of a file can be exchanged for another's. Files have mode 0600 and are refused when
others may read them; they are created whole or not at all and never overwritten.
Source: RFC 7914 (scrypt), RFC 8439 (ChaCha20-Poly1305).
"""

from __future__ import annotations

import json
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from protocol.errors import NodeFault
from protocol.keys import SEED_BYTES, SigningKey
from protocol.units import HOTKEY_BYTES, Hotkey

FORMAT: Final = "augury-key/1"
SALT_BYTES: Final = 16
NONCE_BYTES: Final = 12
MAX_FILE_BYTES: Final = 16_384
MIN_LOG_N: Final = 15
MAX_LOG_N: Final = 20
DEFAULT_LOG_N: Final = 17
"""scrypt's cost as a power of two: 2**17 with r = 8 takes 128 MiB for a moment."""
R: Final = 8
P: Final = 1
READABLE_BY_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class KeyFileError(NodeFault):
    """A key file that cannot be used as it is; names the file and what to do."""

    code = "key-file"


class KeyFileMissing(KeyFileError):
    """There is no key file there, or it cannot be opened."""

    code = "key-file-missing"


class KeyFileExposed(KeyFileError):
    """A key or passphrase file that others may read; names the chmod to run."""

    code = "key-file-exposed"


class KeyFileBroken(KeyFileError):
    """Not a key file, a truncated one, or one whose parts do not belong together."""

    code = "key-file-broken"


class KeyFileExists(KeyFileError):
    """A key would have been overwritten."""

    code = "key-file-exists"


class PassphraseNeeded(KeyFileError):
    """An encrypted key file and no passphrase, or an unencrypted one that nobody allowed."""

    code = "passphrase-needed"


class WrongPassphrase(KeyFileError):
    """The passphrase does not open the file (or the file was altered: a cipher cannot tell the two apart)."""

    code = "wrong-passphrase"


def create_key_file(
    path: Path, *, entropy: Callable[[int], bytes], passphrase: bytes | None, log_n: int = DEFAULT_LOG_N
) -> SigningKey:
    """Makes a new hotkey and keeps it in path, mode 0600, complete on disk before this returns.

    entropy(count) gives that many bytes of chance. passphrase None: the seed is kept in the clear, which the file
    says of itself and which loading must allow. Raises KeyFileExists and KeyFileError (ours).
    """
    if passphrase is not None and not passphrase:
        raise PassphraseNeeded(f"{path}: an empty passphrase protects nothing", file=str(path))
    seed = entropy(SEED_BYTES)
    key = SigningKey.from_seed(seed)
    content = _open_content(key, seed) if passphrase is None else _sealed(key, seed, passphrase, entropy, log_n)
    _write_once(path, json.dumps(content, indent=2).encode("ascii") + b"\n")
    return key


def load_key_file(path: Path, *, passphrase: bytes | None, allow_unencrypted: bool = False) -> SigningKey:
    """The key kept in path. Raises the KeyFileError that fits (ours)."""
    content = _parsed(path, read_private_file(path))
    seed = _opened(path, content, passphrase, allow_unencrypted=allow_unencrypted)
    key = SigningKey.from_seed(seed)
    if key.hotkey != bytes.fromhex(content["public_key"]):
        raise KeyFileBroken(f"{path}: the key inside is not the one the file names", file=str(path))
    return key


def read_hotkey(path: Path) -> Hotkey:
    """The public key that path names, for showing: not proved, as nothing is decrypted. Raises KeyFileError (ours)."""
    return Hotkey(bytes.fromhex(_parsed(path, read_private_file(path))["public_key"]))


def is_encrypted(path: Path) -> bool:
    """Whether the key in path needs a passphrase. Raises KeyFileError (ours)."""
    return bool(_parsed(path, read_private_file(path))["encrypted"])


def read_passphrase(path: Path) -> bytes:
    """A passphrase file's only line. Raises KeyFileMissing, KeyFileExposed and PassphraseNeeded (ours)."""
    passphrase = read_private_file(path).removesuffix(b"\n").removesuffix(b"\r")
    if not passphrase or b"\n" in passphrase:
        raise PassphraseNeeded(f"{path}: a passphrase file holds one line that is not empty", file=str(path))
    return passphrase


def _open_content(key: SigningKey, seed: bytes) -> dict[str, Any]:
    warning = "NOT ENCRYPTED: whoever reads this file is this hotkey. For tests and demonstrations."
    return {
        "format": FORMAT,
        "public_key": key.hotkey.hex(),
        "encrypted": False,
        "warning": warning,
        "seed": seed.hex(),
    }


def _sealed(
    key: SigningKey, seed: bytes, passphrase: bytes, entropy: Callable[[int], bytes], log_n: int
) -> dict[str, Any]:
    salt, nonce = entropy(SALT_BYTES), entropy(NONCE_BYTES)
    header = {
        "format": FORMAT,
        "public_key": key.hotkey.hex(),
        "encrypted": True,
        "kdf": {"name": "scrypt", "log_n": log_n, "r": R, "p": P, "salt": salt.hex()},
        "cipher": {"name": "chacha20-poly1305", "nonce": nonce.hex()},
    }
    sealing = ChaCha20Poly1305(_stretched(passphrase, salt, log_n))
    return {**header, "sealed_seed": sealing.encrypt(nonce, seed, _bound(header)).hex()}


def _opened(path: Path, content: dict[str, Any], passphrase: bytes | None, *, allow_unencrypted: bool) -> bytes:
    if not content["encrypted"]:
        if not allow_unencrypted:
            message = f"{path}: the key is not encrypted; make a new one, or allow it with allow_unencrypted_key"
            raise PassphraseNeeded(message, file=str(path))
        return bytes.fromhex(content["seed"])
    if passphrase is None:
        message = f"{path}: the key is encrypted; give passphrase_file or AUGURY_PASSPHRASE"
        raise PassphraseNeeded(message, file=str(path))
    kdf, cipher = content["kdf"], content["cipher"]
    opening = ChaCha20Poly1305(_stretched(passphrase, bytes.fromhex(kdf["salt"]), kdf["log_n"]))
    sealed, header = bytes.fromhex(content["sealed_seed"]), {k: v for k, v in content.items() if k != "sealed_seed"}
    try:
        return opening.decrypt(bytes.fromhex(cipher["nonce"]), sealed, _bound(header))
    except InvalidTag:
        message = f"{path}: the passphrase does not open this file (or the file was altered)"
        raise WrongPassphrase(message, file=str(path)) from None


def _stretched(passphrase: bytes, salt: bytes, log_n: int) -> bytes:
    return Scrypt(salt=salt, length=32, n=2**log_n, r=R, p=P).derive(passphrase)


def _bound(header: dict[str, Any]) -> bytes:
    """The header as the cipher sees it: ASCII JSON with sorted keys and no blanks."""
    return json.dumps(header, sort_keys=True, separators=(",", ":")).encode("ascii")


def _parsed(path: Path, text: bytes) -> dict[str, Any]:
    """The file's content, every part of the type and size it must have. Raises KeyFileBroken."""
    try:
        content = json.loads(text)
        if content["format"] != FORMAT:
            raise KeyFileBroken(f"{path}: format {str(content['format'])[:40]!r} is not {FORMAT}", file=str(path))
        _require_hex(content["public_key"], HOTKEY_BYTES)
        if content["encrypted"] is True:
            kdf, cipher = content["kdf"], content["cipher"]
            _require(kdf["name"] == "scrypt" and (kdf["r"], kdf["p"]) == (R, P) and type(kdf["log_n"]) is int)
            _require(MIN_LOG_N <= kdf["log_n"] <= MAX_LOG_N)
            _require_hex(kdf["salt"], SALT_BYTES)
            _require(cipher["name"] == "chacha20-poly1305")
            _require_hex(cipher["nonce"], NONCE_BYTES)
            _require_hex(content["sealed_seed"], SEED_BYTES + 16)
        else:
            _require(content["encrypted"] is False)
            _require_hex(content["seed"], SEED_BYTES)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise KeyFileBroken(f"{path}: not a key file, or not a whole one", file=str(path)) from error
    return dict(content)


def _require(holds: bool) -> None:
    if not holds:
        raise ValueError("out of bounds")


def _require_hex(text: str, count: int) -> None:
    _require(len(bytes.fromhex(text)) == count)


def read_private_file(path: Path, *, max_bytes: int = MAX_FILE_BYTES) -> bytes:
    """The bytes of a file that only its owner may read. The open file's own mode is checked, not the path's.

    Raises KeyFileMissing, KeyFileExposed and KeyFileBroken (ours) for one that is larger.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise KeyFileMissing(f"{path}: is no file", file=str(path))
            if mode & READABLE_BY_OTHERS:
                message = f"{path}: mode {stat.S_IMODE(mode):04o} lets others read it; run: chmod 600 {path}"
                raise KeyFileExposed(message, file=str(path))
            content = file.read(max_bytes + 1)
    except OSError as error:
        raise KeyFileMissing(f"{path}: cannot be opened: {error.strerror}", file=str(path)) from error
    if len(content) > max_bytes:
        raise KeyFileBroken(f"{path}: larger than {max_bytes} bytes", file=str(path))
    return content


def _write_once(path: Path, content: bytes) -> None:
    """Writes a file of mode 0600 that appears whole under its name, unless the name is taken.

    A hard link is the step that puts it there: it fails when the name exists, and a crash before it leaves
    nothing under the name.
    """
    draft: Path | None = None
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        draft = Path(name)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(draft)
        _sync_folder(path.parent)
    except FileExistsError:
        raise KeyFileExists(f"{path}: exists; a key is never overwritten", file=str(path)) from None
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be written: {error.strerror}", file=str(path)) from error
    finally:
        if draft is not None:
            draft.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
