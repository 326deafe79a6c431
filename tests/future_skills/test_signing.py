"""Signatures: what vouches for a version, and what does not."""

import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from future_skills.errors import SignatureInvalidError, SigningKeyError
from future_skills.files import sha256_of_bytes
from future_skills.signing import (
    DOMAIN,
    PrivateKey,
    check_signature,
    key_id_of,
    parse_signature,
    signature_text,
)

KEY = PrivateKey(Ed25519PrivateKey.from_private_bytes(b"1" * 32))  # fixed: parallel runs collect the same tests
OTHER = PrivateKey.generate()
VERSION = sha256_of_bytes(b"manifest")
TRUSTED = {KEY.key_id: KEY.public_key}


def test_a_signed_version_is_vouched_for_by_its_key_and_by_a_retired_one() -> None:
    for key in (KEY, OTHER):
        signature = parse_signature(signature_text(key.sign(VERSION)).encode(), path="v1.sig")
        trusted = {KEY.key_id: KEY.public_key, OTHER.key_id: OTHER.public_key}
        check_signature(signature, manifest_sha256=VERSION, public_keys=trusted, path="v1.sig")
        assert (signature.key_id, signature.manifest_sha256) == (key_id_of(key.public_key), VERSION)


def test_the_same_version_gives_the_same_signature() -> None:
    assert signature_text(KEY.sign(VERSION)) == signature_text(KEY.sign(VERSION))


def test_anybody_can_check_it_with_the_public_key_alone() -> None:
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(KEY.public_key))
    signature = KEY.sign(VERSION)
    public.verify(bytes.fromhex(signature.signature), DOMAIN + bytes.fromhex(VERSION))
    assert signature.algorithm == "ed25519"


def test_a_signature_of_another_version_vouches_for_nothing() -> None:
    other = sha256_of_bytes(b"other manifest")
    with pytest.raises(SignatureInvalidError, match=r"v1\.sig signs another version"):
        check_signature(KEY.sign(other), manifest_sha256=VERSION, public_keys=TRUSTED, path="v1.sig")
    moved = KEY.sign(other).model_copy(update={"manifest_sha256": VERSION})
    with pytest.raises(SignatureInvalidError, match="was not made by the key"):
        check_signature(moved, manifest_sha256=VERSION, public_keys=TRUSTED, path="v1.sig")


def test_a_key_that_nobody_knows_vouches_for_nothing() -> None:
    with pytest.raises(SignatureInvalidError, match=f"key {OTHER.key_id[:12]}, which this installation does not know"):
        check_signature(OTHER.sign(VERSION), manifest_sha256=VERSION, public_keys=TRUSTED, path="v1.sig")
    lying = OTHER.sign(VERSION).model_copy(update={"key_id": KEY.key_id})
    with pytest.raises(SignatureInvalidError, match="was not made by the key"):
        check_signature(lying, manifest_sha256=VERSION, public_keys=TRUSTED, path="v1.sig")


def test_one_flipped_bit_of_a_signature_is_found() -> None:
    signature = KEY.sign(VERSION)
    flipped = bytearray(bytes.fromhex(signature.signature))
    flipped[40] ^= 1
    with pytest.raises(SignatureInvalidError):
        check_signature(
            signature.model_copy(update={"signature": flipped.hex()}),
            manifest_sha256=VERSION,
            public_keys=TRUSTED,
            path="v1.sig",
        )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        json.dumps({**KEY.sign(VERSION).model_dump(), "algorithm": "none"}).encode(),
        json.dumps({**KEY.sign(VERSION).model_dump(), "signature": "00"}).encode(),
        json.dumps({**KEY.sign(VERSION).model_dump(), "extra": 1}).encode(),
    ],
)
def test_a_file_that_is_no_signature_is_refused_in_words(content: bytes) -> None:
    with pytest.raises(SignatureInvalidError, match=r"v1\.sig is not a signature"):
        parse_signature(content, path="v1.sig")


def test_a_private_key_comes_back_from_its_file() -> None:
    again = PrivateKey.of_pem(KEY.to_pem(), key_id=KEY.key_id, path="key.pem")
    assert again.sign(VERSION) == KEY.sign(VERSION)


def test_a_file_that_is_another_key_or_none_is_refused() -> None:
    of_another_kind = generate_private_key(SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for content in (b"", b"garbage", KEY.to_pem()[:60], OTHER.to_pem(), of_another_kind):
        with pytest.raises(SigningKeyError, match=rf"key\.pem is not the private key {KEY.key_id[:12]}"):
            PrivateKey.of_pem(content, key_id=KEY.key_id, path="key.pem")
