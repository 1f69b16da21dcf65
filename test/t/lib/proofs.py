"""Keys, signatures in compact form (RFC 7515), and proofs that a client holds a key: good ones and all others.

    key = Key.es256()
    dbsc_proof(key, challenge)                             # Device Bound Session Credentials
    dpop_proof(key, "GET", "https://api.example/", token)  # RFC 9449
    jws({"alg": "none"}, {"jti": "x"}, Unsigned())         # whatever is given
    broken(key, *dbsc_parts(key, challenge))               # what nobody may take for a proof

Needs Debian's python3-cryptography.
"""

import base64
import hashlib
import hmac
import json
import time
import uuid

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

# Of the curve P-256: the field, the order of the base point, and the bytes of a number.
FIELD = 2**256 - 2**224 + 2**192 + 2**96 - 1
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
SIZE = 32
# The order of the base point of Ed25519.
ORDER_25519 = 2**252 + 27742317777372353535851937790883648493
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
# No text that is longer is looked at.
LONGEST = 8192
# Stands for a member that is left out.
ABSENT = object()


def base64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def from_base64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def number(value, size=None):
    """A number as JWK has it: in the fewest bytes, or in so many."""
    return base64url(value.to_bytes(size or max(1, (value.bit_length() + 7) // 8), "big"))


def compact(value):
    return json.dumps(value, separators=(",", ":"))


def without_absent(members):
    return {name: value for name, value in members.items() if value is not ABSENT}


# --- keys


class Key:
    """A key pair, with what a client does with it."""

    def __init__(self, private, algorithm):
        self.private, self.algorithm = private, algorithm

    @classmethod
    def es256(cls):
        return cls(ec.generate_private_key(ec.SECP256R1()), "ES256")

    @classmethod
    def rs256(cls, bits=2048, exponent=65537):
        return cls(rsa.generate_private_key(exponent, bits), "RS256")

    @classmethod
    def ed25519(cls):
        return cls(ed25519.Ed25519PrivateKey.generate(), "EdDSA")

    def jwk(self):
        """The public half (RFC 7517), of the members that it must have."""
        public = self.private.public_key()
        if self.algorithm == "EdDSA":
            return {"crv": "Ed25519", "kty": "OKP", "x": base64url(public.public_bytes(Encoding.Raw, PublicFormat.Raw))}
        numbers = public.public_numbers()
        if self.algorithm == "RS256":
            return {"e": number(numbers.e), "kty": "RSA", "n": number(numbers.n)}
        return {"crv": "P-256", "kty": "EC", "x": number(numbers.x, SIZE), "y": number(numbers.y, SIZE)}

    def private_jwk(self):
        """With the private half, which no client gives away."""
        if self.algorithm == "EdDSA":
            raw = self.private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
            return {**self.jwk(), "d": base64url(raw)}
        numbers = self.private.private_numbers()
        if self.algorithm == "ES256":
            return {**self.jwk(), "d": number(numbers.private_value, SIZE)}
        private = {"d": numbers.d, "p": numbers.p, "q": numbers.q, "dp": numbers.dmp1, "dq": numbers.dmq1}
        return {**self.jwk(), **{name: number(value) for name, value in private.items()}, "qi": number(numbers.iqmp)}

    def thumbprint(self):
        """RFC 7638, with SHA-256."""
        return thumbprint_of(self.jwk())

    def sign(self, data):
        """A signature as JWS has it (RFC 7518, 3.3 and 3.4; RFC 8037, 3.1)."""
        if self.algorithm == "EdDSA":
            return self.private.sign(data)
        if self.algorithm == "RS256":
            return self.private.sign(data, padding.PKCS1v15(), hashes.SHA256())
        return b"".join(half.to_bytes(SIZE, "big") for half in decode_dss_signature(self.sign_der(data)))

    def sign_der(self, data):
        """By P-256, as others than JWS have it."""
        return self.private.sign(data, ec.ECDSA(hashes.SHA256()))


def thumbprint_of(jwk):
    required = {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n"), "OKP": ("crv", "kty", "x")}[jwk["kty"]]
    return base64url(hashlib.sha256(compact({name: jwk[name] for name in required}).encode()).digest())


class Unsigned:
    """In the place of a key: no signature."""

    def sign(self, data):
        return b""


class Secret:
    """In the place of a key: HMAC with SHA-256."""

    def __init__(self, secret):
        self.secret = secret

    def sign(self, data):
        return hmac.digest(self.secret, data, "sha256")


class Signer:
    """In the place of a key: a function that makes a signature."""

    def __init__(self, sign):
        self.sign = sign


# --- signatures, and proofs


def jws(header, payload, key):
    """Header and payload are objects, or the text or bytes that stand in their place."""
    parts = []
    for part in (header, payload):
        if isinstance(part, dict):
            part = compact(without_absent(part))
        parts.append(base64url(part.encode() if isinstance(part, str) else part))
    return signed(".".join(parts), key)


def signed(text, key):
    return f"{text}.{base64url(key.sign(text.encode()))}"


def dbsc_parts(key, challenge, jwk="header"):
    """Header and payload. The key stands in the `header`, in the `payload` as earlier drafts had it, or nowhere."""
    header, payload = {"alg": key.algorithm, "typ": "dbsc+jwt"}, {"jti": challenge}
    if jwk == "header":
        header["jwk"] = key.jwk()
    elif jwk == "payload":
        payload["key"] = key.jwk()
    return header, payload


def dpop_parts(key, method, uri, token=None, nonce=None, iat=None, jti=None):
    payload = {"jti": str(uuid.uuid4()) if jti is None else jti, "htm": method, "htu": uri}
    payload["iat"] = int(time.time()) if iat is None else iat
    if token is not None:
        payload["ath"] = ath_of(token)
    if nonce is not None:
        payload["nonce"] = nonce
    return {"alg": key.algorithm, "typ": "dpop+jwt", "jwk": key.jwk()}, payload


def ath_of(token):
    return base64url(hashlib.sha256(token.encode()).digest())


def dbsc_proof(key, challenge, jwk="header"):
    return jws(*dbsc_parts(key, challenge, jwk), key)


def dpop_proof(key, method, uri, token=None, nonce=None, iat=None, jti=None):
    return jws(*dpop_parts(key, method, uri, token, nonce, iat, jti), key)


def twin(proof):
    """The other signature by P-256 that is right: (r, n - s)."""
    text, signature = proof.rsplit(".", 1)
    raw = from_base64url(signature)
    return f"{text}.{base64url(raw[:SIZE] + (ORDER - int.from_bytes(raw[SIZE:], 'big')).to_bytes(SIZE, 'big'))}"


def of_length(length, header, payload, key):
    """A good one of so many characters."""
    # Of one part alone some lengths of text cannot be made.
    for more in ("", "k", "kk"):

        def filled(size, more=more):
            return jws({**header, "kid": more}, {**payload, "x": "x" * size}, key)

        about = (length - len(filled(0))) * 3 // 4
        for size in range(about - 3, about + 4):
            if len(filled(size)) == length:
                return filled(size)
    raise ValueError(f"none of {length}")


# --- what is no proof, although somebody signed it


def broken(key, header, payload):
    """By what is wrong with it: proofs by a key P-256, each with a signature that is right, but for its one fault."""
    made = {}

    def add(name, header_changes=None, payload_changes=None, by=key):
        made[name] = jws({**header, **(header_changes or {})}, {**payload, **(payload_changes or {})}, by)

    add_algorithms(add, key)
    add_types(add, header["typ"])
    add_members(add, made, key, header, payload)
    text = jws(header, payload, key)
    add_signatures(made, key, text)
    add_texts(made, key, text)
    made["longer than the longest"] = of_length(LONGEST + 1, header, payload, key)
    return made


def add_algorithms(add, key):
    for name in ("none", "None", "NONE", ""):
        add(f"alg {name!r} without a signature", {"alg": name}, by=Unsigned())
        add(f"alg {name!r} with one", {"alg": name})
    public = key.private.public_key()
    for name, secret in {
        "JWK": compact(key.jwk()).encode(),
        "PEM": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "DER": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "point": public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint),
        "thumbprint": key.thumbprint().encode(),
        "nothing": b"",
    }.items():
        add(f"HS256 with the key's {name}", {"alg": "HS256"}, by=Secret(secret))
        add(f"HMAC with the key's {name}, told to be ES256", by=Secret(secret))
    for name in ("RS256", "EdDSA", "Ed25519", "ES384", "ES512", "ES256K", "PS256", "es256", "ES256 ", "ES256\0"):
        add(f"alg {name!r} on a key P-256", {"alg": name})
    for name, value in {
        "left out": ABSENT,
        "null": None,
        "a number": 256,
        "a list": ["ES256"],
        "an object": {"alg": "ES256"},
    }.items():
        add(f"alg {name}", {"alg": value})


def add_types(add, good):
    other = {"dbsc+jwt": "dpop+jwt", "dpop+jwt": "dbsc+jwt"}[good]
    for name in (other, "JWT", "jwt", "at+jwt", f"application/{good}", good.upper(), f"{good} ", f"{good}\0", ""):
        add(f"typ {name!r}", {"typ": name})
    for name, value in {"left out": ABSENT, "null": None, "a number": 1, "a list": [good]}.items():
        add(f"typ {name}", {"typ": value})


def add_members(add, made, key, header, payload):
    """JSON that is not as it must be, and keys that are not."""
    add("crit", {"crit": ["exp"], "exp": 2**40})
    add("crit of nothing", {"crit": []})
    add("crit null", {"crit": None})
    add("an unencoded payload", {"crit": ["b64"], "b64": False})
    head, body = compact(header), compact(payload)
    name = next(iter(payload))
    value = compact(payload[name])
    deep = "[" * 2400 + "]" * 2400

    def behind(text, more):
        return f"{text[:-1]},{more}}}"

    for fault, first, second in (
        ("alg twice", behind(head, '"alg":"ES256"'), body),
        ("alg none first", '{"alg":"none",' + head[1:], body),
        ("typ twice", behind(head, f'"typ":"{header["typ"]}"'), body),
        ("a claim twice", head, behind(body, f'"{name}":{value}')),
        ("a claim twice, once escaped", head, behind(body, f'"\\u{ord(name[0]):04x}{name[1:]}":{value}')),
        ("something unknown twice", head, behind(body, '"x":1,"x":1')),
        ("something within twice", head, behind(body, '"x":{"y":1,"y":1}')),
        ("an array as header", f"[{head}]", body),
        ("an array as payload", head, f"[{body}]"),
        ("a text as payload", head, compact(body)),
        ("null as payload", head, "null"),
        ("null as header", "null", body),
        ("a word as payload", head, "proof"),
        ("an empty object as payload", head, "{}"),
        ("an empty object as header", "{}", body),
        ("a payload that is cut", head, body[:-1]),
        ("more behind the payload", head, body + "{}"),
        ("more behind the header", head + "x", body),
        ("a byte order mark", "\ufeff" + head, body),
        ("a comma too many", head, body[:-1] + ",}"),
        ("single quotes", head, body.replace('"', "'")),
        ("a comment", head, "/**/" + body),
        ("NaN", head, behind(body, '"x":NaN')),
        ("a NUL within", head, behind(body, '"x":"\0"')),
        ("half a surrogate pair", head, behind(body, r'"x":"\ud800"')),
        ("nested too deep", head, behind(body, f'"x":{deep}')),
        ("nested without end", head, behind(body, f'"x":{"[" * 5000}')),
        ("what is no UTF-8", head, behind(body, '"x":"\xff"').encode("latin-1")),
        ("an overlong character", head, behind(body, '"x":"\xc0\x80"').encode("latin-1")),
        ("UTF-16", head, body.encode("utf-16")),
    ):
        made[fault] = jws(first, second, key)
    for fault, jwk in broken_keys(key).items():
        add(f"a key {fault}", {"jwk": jwk})
    if "jwk" in header:
        jwk = compact(key.jwk())
        made["a key with a member twice"] = jws(head.replace(jwk, behind(jwk, '"kty":"EC"')), body, key)
        made["the key twice"] = jws(behind(head, f'"jwk":{jwk}'), body, key)


def broken_keys(key):
    """By what is wrong with them: JWKs in the place of that of a key P-256."""
    good = key.jwk()
    raw = {name: from_base64url(good[name]) for name in "xy"}
    y = int.from_bytes(raw["y"], "big")
    other_bits = ALPHABET[ALPHABET.index(good["x"][-1]) ^ 1]
    changes = {
        "with a private half that is none": {"d": "AA"},
        "with a secret": {"k": "AA"},
        "with a prime": {"p": "AA"},
        "off the curve": {"y": number(y ^ 1, SIZE)},
        "on the other side": {"y": number(FIELD - y, SIZE)},
        "at nothing": {"x": number(0, SIZE), "y": number(0, SIZE)},
        "beyond the field": {"x": number(FIELD, SIZE)},
        "whose x has 33 bytes": {"x": base64url(b"\0" + raw["x"])},
        "whose x has 31 bytes": {"x": base64url(raw["x"][1:])},
        "whose x is empty": {"x": ""},
        "whose x is padded": {"x": good["x"] + "="},
        "whose x has spare bits": {"x": good["x"][:-1] + other_bits},
        "whose x is a number": {"x": 1},
        "whose x and y are one": {"x": base64url(b"\4" + raw["x"] + raw["y"]), "y": ABSENT},
        "without x": {"x": ABSENT},
        "without y": {"y": ABSENT},
        "without kty": {"kty": ABSENT},
        "without crv": {"crv": ABSENT},
        "of another curve": {"crv": "P-384"},
        "of a curve of coins": {"crv": "secp256k1"},
        "of a curve in small letters": {"crv": "p-256"},
        "of type ec": {"kty": "ec"},
        "of type RSA": {"kty": "RSA"},
        "of type OKP": {"kty": "OKP", "crv": "Ed25519", "y": ABSENT},
        "to encrypt": {"use": "enc"},
        "for ES384": {"alg": "ES384"},
    }
    return {
        "with its private half": key.private_jwk(),
        **{fault: without_absent({**good, **change}) for fault, change in changes.items()},
        "that is a secret": {"kty": "oct", "k": good["x"]},
        "as text": compact(good),
        "as a list": [good],
        "that is null": None,
        "that is empty": {},
        "in a set": {"keys": [good]},
    }


def add_signatures(made, key, proof):
    text, signature = proof.rsplit(".", 1)
    raw = from_base64url(signature)
    r, s = int.from_bytes(raw[:SIZE], "big"), int.from_bytes(raw[SIZE:], "big")

    def pair(first, second):
        return first.to_bytes(SIZE, "big") + second.to_bytes(SIZE, "big")

    for fault, data in {
        "in DER": key.sign_der(text.encode()),
        "of 63 bytes": raw[:-1],
        "of 65 bytes": raw + b"\0",
        "of 65 bytes, a zero first": b"\0" + raw,
        "of 66 bytes, a zero before each half": b"\0" + raw[:SIZE] + b"\0" + raw[SIZE:],
        "of one byte": b"\0",
        "twice": raw + raw,
        "of r = 0": pair(0, s),
        "of s = 0": pair(r, 0),
        "of zeros": pair(0, 0),
        "of r = n": pair(ORDER, s),
        "of s = n": pair(r, ORDER),
        "of n and n": pair(ORDER, ORDER),
        "of ones": pair(2**256 - 1, 2**256 - 1),
        "of s and r": pair(s, r),
        "of another bit": pair(r, s ^ 1),
        "of 1 and 1": pair(1, 1),
        "by another key": Key.es256().sign(text.encode()),
        "of something else": key.sign(text.encode() + b"x"),
        "of the payload alone": key.sign(text.split(".")[1].encode()),
        "of what was encoded": key.sign(b".".join(map(from_base64url, text.split(".")))),
    }.items():
        made[f"a signature {fault}"] = f"{text}.{base64url(data)}"


def add_texts(made, key, text):
    first, second, third = text.split(".")
    made |= {
        "empty": "",
        "a dot": ".",
        "two dots": "..",
        "three dots": "...",
        "a word": "proof",
        "one part": first,
        "two parts": f"{first}.{second}",
        "four parts": f"{text}.{third}",
        "five parts": f"{text}.{second}.{third}",
        "no header": signed(f".{second}", key),
        "no payload": signed(f"{first}.", key),
        "no signature": f"{first}.{second}.",
        "a space before": f" {text}",
        "a space behind": f"{text} ",
        "a line's end behind": f"{text}\n",
        "a line's end within": f"{first}.\n{second}.{third}",
        "a control character behind": f"{text}\1",
        "joined by a comma": f"{text},{text}",
        "joined by a comma and a space": f"{text}, {text}",
        "joined by a space": f"{text} {text}",
        "twice": text + text,
        "quoted": f'"{text}"',
        "with a scheme": f"DPoP {text}",
        "percent-encoded": text.replace(".", "%2E"),
        "the JSON form": compact({"payload": second, "protected": first, "signature": third}),
    }
    for place, name in enumerate(("header", "payload", "signature")):
        part = text.split(".")[place]

        def add(fault, changed, place=place):
            parts = [first, second, third]
            parts[place] = changed
            made[fault] = ".".join(parts) if place == 2 else signed(f"{parts[0]}.{parts[1]}", key)

        if len(part) % 4:
            # Bits that belong to no byte: they fill up the last character.
            add(f"spare bits in the {name}", part[:-1] + ALPHABET[ALPHABET.index(part[-1]) ^ 1])
        add(f"a {name} of 4n + 1 characters", part + "A" * ((1 - len(part)) % 4 or 4))
        add(f"a padded {name}", part + "=" * (-len(part) % 4 or 4))
        for character in "+/= \n":
            add(f"a {name} with {character!r}", part[:8] + character + part[9:])


def weak_rsa(header, payload):
    """The same by RSA, most of which verify."""
    good = Key.rs256()
    header = {**header, "alg": "RS256"}
    made = {}

    def add(fault, key, jwk=None, **changes):
        made[fault] = jws({**header, "jwk": {**key.jwk(), **(jwk or {})}, **changes}, payload, key)

    def widened(name):
        return {name: base64url(b"\0" + from_base64url(good.jwk()[name]))}

    add("of 1024 bits", Key.rs256(1024))
    add("of 2040 bits", Key.rs256(2040))
    add("of 4104 bits", Key.rs256(4104))
    add("with exponent 3", Key.rs256(exponent=3))
    add("whose modulus has a zero first", good, widened("n"))
    add("whose exponent has a zero first", good, widened("e"))
    add("whose exponent is a number", good, {"e": 65537})
    add("with its private half", good, good.private_jwk())
    add("for encryption", good, {"use": "enc"})
    add("for another algorithm", good, {"alg": "RS512"})
    # With this exponent anybody signs: what is to be found by it is put there.
    everybody = {"e": number(1), "n": good.jwk()["n"], "kty": "RSA"}
    made["with exponent 1"] = jws({**header, "jwk": everybody}, payload, Signer(pkcs1))
    for algorithm in ("RS384", "RS512", "PS256", "ES256", "EdDSA", "none"):
        add(f"told to be of {algorithm}", good, alg=algorithm)

    text = jws({**header, "jwk": good.jwk()}, payload, Unsigned())[:-1]
    raw = good.sign(text.encode())
    plus_modulus = int.from_bytes(raw, "big") + good.private.private_numbers().public_numbers.n
    for fault, data in {
        "of one byte less": raw[:-1],
        "of one byte more": raw + b"\0",
        "with a zero first": b"\0" + raw,
        "plus the modulus": plus_modulus.to_bytes(257, "big").lstrip(b"\0"),
        "by PSS": good.private.sign(text.encode(), padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256()),
        "over SHA-1": good.private.sign(text.encode(), padding.PKCS1v15(), hashes.SHA1()),
        "over SHA-512": good.private.sign(text.encode(), padding.PKCS1v15(), hashes.SHA512()),
    }.items():
        made[f"with a signature {fault}"] = f"{text}.{base64url(data)}"
    return made


def pkcs1(data):
    """The block of 2048 bits that a signature by RSA hides (RFC 8017, 9.2)."""
    digest = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(data).digest()
    return b"\0\1" + b"\xff" * (256 - 3 - len(digest)) + b"\0" + digest


def weak_ed25519(header, payload):
    """The same by Ed25519."""
    key = Key.ed25519()
    jwk = key.jwk()
    header = {**header, "alg": "EdDSA", "jwk": jwk}
    text = jws(header, payload, Unsigned())[:-1]
    raw = key.sign(text.encode())
    # s and s + the order are one number.
    more = (int.from_bytes(raw[SIZE:], "little") + ORDER_25519).to_bytes(SIZE, "little")
    signatures = {"of 63 bytes": raw[:-1], "of 65 bytes": raw + b"\0", "beyond the order": raw[:SIZE] + more}
    made = {f"with a signature {fault}": f"{text}.{base64url(data)}" for fault, data in signatures.items()}
    for fault, changes in {
        "of another algorithm's name": {"alg": "Ed25519"},
        "told to be of ES256": {"alg": "ES256"},
        "by Ed448": {"jwk": {**jwk, "crv": "Ed448"}},
        "by X25519": {"jwk": {**jwk, "crv": "X25519"}},
        "by a key of 33 bytes": {"jwk": {**jwk, "x": base64url(from_base64url(jwk["x"]) + b"\0")}},
        "by a key of type EC": {"jwk": {**jwk, "kty": "EC"}},
        "by a private key": {"jwk": key.private_jwk()},
    }.items():
        made[fault] = jws({**header, **changes}, payload, key)
    return made
