"""Signatures of versions: Ed25519 over the hash of the manifest, which holds the hash of every other file.

A hash says that a file is the one that was written; a signature, that it was registered by this installation. What is
signed begins with ``DOMAIN``: a signature of these keys can mean nothing else.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import StringConstraints, ValidationError

from future_skills.errors import SignatureInvalidError, SigningKeyError, UsageError, translatable
from future_skills.manifest import Part, Sha256

DOMAIN: Final = b"future-skills-ml version signature 1\x00"

PublicKeys = Mapping[str, str]
"""Key id -> public key: 32 bytes, hexadecimal."""


class Signature(Part):
    """The content of a ``.sig`` file. ``key_id`` is the sha256 of the public key's 32 bytes."""

    manifest_sha256: Sha256
    algorithm: Literal["ed25519"] = "ed25519"
    key_id: Sha256
    signature: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{128}$")]


def signature_text(signature: Signature) -> str:
    """The signature as it is written."""
    return json.dumps(signature.model_dump(), indent=2) + "\n"


def parse_signature(content: bytes, *, path: str) -> Signature:
    """Read a ``.sig`` file.

    Raises:
        SignatureInvalidError: it is none.
    """
    try:
        return Signature.model_validate_json(content)
    except ValidationError as error:
        raise SignatureInvalidError(translatable("{path} is not a signature."), path=path) from error


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """What signs. Its half that checks is public, and names it."""

    secret: Ed25519PrivateKey

    @classmethod
    def generate(cls) -> "PrivateKey":
        """A new key."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def of_pem(cls, pem: bytes, *, key_id: str, path: str) -> "PrivateKey":
        """From the content of its file.

        Args:
            pem: PKCS 8, not encrypted.
            key_id: the key it must be.
            path: of the file, for messages.

        Raises:
            SigningKeyError: it is no Ed25519 private key, or another one.
        """
        other = SigningKeyError(translatable("{path} is not the private key {key}."), key=key_id[:12], path=path)
        try:
            secret = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise other from error
        if not isinstance(secret, Ed25519PrivateKey) or cls(secret).key_id != key_id:
            raise other
        return cls(secret)

    @property
    def public_key(self) -> str:
        """The public half: 32 bytes, hexadecimal."""
        return self.secret.public_key().public_bytes_raw().hex()

    @property
    def key_id(self) -> str:
        """What the key is known by."""
        return key_id_of(self.public_key)

    def to_pem(self) -> bytes:
        """The content of its file."""
        return self.secret.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def sign(self, manifest_sha256: str) -> Signature:
        """Sign a version, known by the sha256 of its manifest. The same version gives the same signature."""
        return Signature(
            manifest_sha256=manifest_sha256,
            key_id=self.key_id,
            signature=self.secret.sign(_signed(manifest_sha256)).hex(),
        )


def key_id_of(public_key: str) -> str:
    """Sha256 (hexadecimal) of a public key, given in hexadecimal."""
    return hashlib.sha256(bytes.fromhex(public_key)).hexdigest()


def public_keys_of(public_key: str) -> PublicKeys:
    """The one key that is trusted.

    Args:
        public_key: 32 bytes, hexadecimal.

    Raises:
        UsageError: it is no public key.
    """
    if re.fullmatch(r"[0-9a-fA-F]{64}", public_key) is None:
        raise UsageError(translatable("A public key is 64 hexadecimal digits."))
    return {key_id_of(public_key): public_key}


def check_signature(signature: Signature, *, manifest_sha256: str, public_keys: PublicKeys, path: str) -> None:
    """Refuse a signature that does not vouch for a version.

    Args:
        signature: the signature.
        manifest_sha256: of the version's manifest.
        public_keys: the keys that are trusted, retired ones included.
        path: where the signature is, for messages.

    Raises:
        SignatureInvalidError: it signs something else, its key is unknown, or the key did not make it.
    """
    details: dict[str, Any] = {"path": path, "key": signature.key_id[:12]}
    if signature.manifest_sha256 != manifest_sha256:
        raise SignatureInvalidError(translatable("{path} signs another version."), **details)
    public_key = public_keys.get(signature.key_id)
    if public_key is None:
        raise SignatureInvalidError(
            translatable("{path} was signed with the key {key}, which this installation does not know."),
            hint=translatable(
                "Nothing was opened. A model of another installation comes in by an administrator: "
                "manage.py registry import FILE.pkl."
            ),
            **details,
        )
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)).verify(
            bytes.fromhex(signature.signature), _signed(manifest_sha256)
        )
    except InvalidSignature as error:
        raise SignatureInvalidError(
            translatable("{path} was not made by the key {key} it names."), **details
        ) from error


def _signed(manifest_sha256: str) -> bytes:
    return DOMAIN + bytes.fromhex(manifest_sha256)
