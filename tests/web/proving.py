"""Proofs of work as browsers and programs send them."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from altcha import v1 as altcha
from tests.web.site import Site

from guahao.web.http.proof import VALID


def solved(challenge: dict[str, Any], /, **changed: Any) -> str:
    """Solve a challenge as a browser does."""
    salt, wanted = challenge["salt"], challenge["challenge"]
    number = next(
        n
        for n in range(challenge["maxNumber"] + 1)
        if hashlib.sha256(f"{salt}{n}".encode()).hexdigest() == wanted
    )
    return handed_in(challenge, number, **changed)


def made_proof(site: Site, level: int = 0) -> str:
    """A proof whose number is known, because the test has the platform's key."""
    made = altcha.create_challenge(
        algorithm="SHA-256",
        max_number=1,
        salt_length=12,
        hmac_key=site.platform.vault.key_for("altcha"),
        salt="",
        number=1,
        expires=site.platform.db.clock() + VALID,
        params={"level": str(level)},
    )
    return handed_in(vars(made) if hasattr(made, "__dict__") else made.to_dict(), 1)


def handed_in(challenge: dict[str, Any], number: int, /, **changed: Any) -> str:
    """Encode a solution: JSON in Base64."""
    names = ("algorithm", "challenge", "salt", "signature")
    solution = {name: challenge[name] for name in names} | {"number": number} | changed
    return base64.b64encode(json.dumps(solution).encode()).decode()
