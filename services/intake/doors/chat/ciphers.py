"""Ciphers of chats that encrypt what they send: WeCom, WeChat, DingTalk, Feishu: AES-256-CBC."""

from __future__ import annotations

import base64
import hashlib

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

BLOCK_BYTES = 16
WECOM_BLOCK_BYTES = 32
"""WeCom pads to multiples of 32, twice the block of AES."""
KEY_BYTES = 32
NONCE_BYTES = 16
LENGTH_BYTES = 4


def _decrypted(key: bytes, iv: bytes, encrypted: bytes, *, padding_max: int) -> bytes:
    if not encrypted or len(encrypted) % BLOCK_BYTES:
        message = "not a whole number of blocks"
        raise ValueError(message)
    decryptor = Cipher(algorithms.AES256(key), modes.CBC(iv)).decryptor()
    padded = decryptor.update(encrypted) + decryptor.finalize()
    count = padded[-1]
    if not 1 <= count <= min(padding_max, len(padded)) or set(padded[-count:]) != {count}:
        message = "the padding is wrong"
        raise ValueError(message)
    return padded[:-count]


def wecom_key(written: str) -> bytes:
    """Return the key that an ``EncodingAESKey`` of 43 characters writes down.

    Raises:
        ValueError: it is none.
    """
    key = base64.b64decode(f"{written}=", validate=True)
    if len(key) != KEY_BYTES:
        message = "an EncodingAESKey has 43 characters"
        raise ValueError(message)
    return key


def wecom_opened(encrypted: str, key: bytes) -> tuple[bytes, str]:
    """Return a message of WeCom or WeChat, and the id of the receiver that it was written for.

    Source: WeCom, "加解密方案说明" (document/path/91144). The plain text is 16 random bytes, the
    message's length as 4 bytes, the message, and the receiver's id. The first half of the key is
    the initialisation vector.

    Raises:
        ValueError: it was not encrypted with this key, or is cut off.
    """
    plain = _decrypted(
        key,
        key[:BLOCK_BYTES],
        base64.b64decode(encrypted, validate=True),
        padding_max=WECOM_BLOCK_BYTES,
    )
    start = NONCE_BYTES + LENGTH_BYTES
    length = int.from_bytes(plain[NONCE_BYTES:start], "big")
    if len(plain) < start + length:
        message = "shorter than it says"
        raise ValueError(message)
    return plain[start : start + length], plain[start + length :].decode()


def wecom_sealed(message: bytes, key: bytes, *, receiver: str, nonce: bytes) -> str:
    """Return a message as WeCom and DingTalk encrypt it; the opposite of `wecom_opened`.

    Args:
        message: what is said.
        key: see `wecom_key`.
        receiver: the id that the message is for.
        nonce: 16 random bytes, so that equal messages do not look equal.
    """
    plain = nonce + len(message).to_bytes(LENGTH_BYTES, "big") + message + receiver.encode()
    count = WECOM_BLOCK_BYTES - len(plain) % WECOM_BLOCK_BYTES
    encryptor = Cipher(algorithms.AES256(key), modes.CBC(key[:BLOCK_BYTES])).encryptor()
    sealed = encryptor.update(plain + bytes([count]) * count) + encryptor.finalize()
    return base64.b64encode(sealed).decode("ascii")


def feishu_opened(encrypted: str, encrypt_key: str) -> bytes:
    """Return what Feishu encrypted.

    Source: Feishu open platform, "接收事件" (Encrypt Key). The key is the SHA-256 of the Encrypt
    Key; the first 16 bytes are the initialisation vector.

    Raises:
        ValueError: it was not encrypted with this key.
    """
    whole = base64.b64decode(encrypted, validate=True)
    key = hashlib.sha256(encrypt_key.encode()).digest()
    iv, rest = whole[:BLOCK_BYTES], whole[BLOCK_BYTES:]
    if len(iv) != BLOCK_BYTES:
        message = "shorter than one block"
        raise ValueError(message)
    return _decrypted(key, iv, rest, padding_max=BLOCK_BYTES)
