"""The text form of tokens, written from its description, to make tokens that are wrong in one place."""

import base64

# Where each field begins in the bytes of a token: version, session id, then in a refresh token a family key.
SESSION_ID, FAMILY_KEY, SECRET = 1, 17, {"sst_": 17, "ssr_": 33}


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return (crc ^ 0xFFFFFFFF).to_bytes(4, "big")


def unpacked(token):
    """The bytes of a token without its checksum."""
    text = token[4:]
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))[:-4]


def packed(prefix, payload, checksum=None):
    if checksum is None:
        checksum = crc32c(prefix.encode() + payload)
    return prefix + base64.urlsafe_b64encode(payload + checksum).decode().rstrip("=")


def flipped(data, place):
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def broken(token):
    """Tokens that are wrong in one field, by what is wrong; none opens anything or ends anything."""
    prefix, payload = token[:4], unpacked(token)
    secret = payload[SECRET[prefix] :]
    other = {"sst_": "ssr_", "ssr_": "sst_"}[prefix]
    made = {
        "another version": packed(prefix, b"\2" + payload[1:]),
        "version 0": packed(prefix, b"\0" + payload[1:]),
        "another session id": packed(prefix, flipped(payload, SESSION_ID + 15)),
        "another bucket": packed(prefix, flipped(payload, SESSION_ID + 7)),
        "no session id": packed(prefix, payload[:1] + bytes(16) + payload[17:]),
        "a session id of ones": packed(prefix, payload[:1] + b"\xff" * 16 + payload[17:]),
        "another checksum": packed(prefix, payload, flipped(crc32c(prefix.encode() + payload), 3)),
        "no checksum": packed(prefix, payload, b""),
        "a checksum without the prefix": packed(prefix, payload, crc32c(payload)),
        "a secret of 15": packed(prefix, payload[: SECRET[prefix]] + secret[:15]),
        "a secret of 16": packed(prefix, payload[: SECRET[prefix]] + bytes(16))
        if prefix == "sst_"
        else packed(prefix, payload[:17] + bytes(32)),
        "a secret of 64": packed(prefix, payload[:17] + bytes(64 + SECRET[prefix] - 17)),
        "a secret of 65": packed(prefix, payload[:17] + bytes(65 + SECRET[prefix] - 17)),
        "no secret": packed(prefix, payload[: SECRET[prefix]]),
        "only a version": packed(prefix, payload[:1]),
        "the other prefix": other + token[4:],
        "the other prefix, with its checksum": packed(other, payload),
        "a prefix in capitals": prefix.upper() + token[4:],
        "no prefix": token[4:],
        "the prefix twice": prefix + token,
        "a space before": " " + token,
        "a space behind": token + " ",
        "a newline behind": token + "\n",
        "padded": token + "=" * (-len(token[4:]) % 4),
        "one character less": token[:-1],
        "one character more": token + "A",
        "four characters more": token + "AAAA",
        "twice": token + token,
        "the alphabet of plain base64": token[:20] + "+/" + token[22:],
        "a control character": token[:20] + "\1" + token[21:],
        "in capitals": token[:4] + token[4:].swapcase(),
        "in hexadecimal": prefix + payload.hex(),
    }
    if prefix == "sst_":
        made["another secret"] = packed(prefix, flipped(payload, len(payload) - 1))
    else:
        made["another family key and secret"] = packed(prefix, flipped(flipped(payload, FAMILY_KEY), len(payload) - 1))
        made["another family key"] = packed(prefix, flipped(payload, FAMILY_KEY))
    # The bits that fill up the last character belong to no byte.
    if len(token[4:]) % 4:
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        made["other bits at its end"] = token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]
    for length in range(0, len(token), 7):
        made[f"cut to {length}"] = token[:length]
    return {name: text for name, text in made.items() if text != token}
