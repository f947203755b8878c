"""Write the examples under deploy/: what `guahao deploy init` makes, with invented secrets.

    python -m guahao.deploy.example

A test compares them with the templates, so that a change of a template is seen in review.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from guahao.deploy.answers import Answers, read_answers
from guahao.deploy.credentials import KeyPair
from guahao.deploy.plan import PROMETHEUS, container_nginx, plan

FOLDER = Path(__file__).parents[3] / "deploy"
NAMES = ("one-machine", "three-machines")
NGINX = "nginx.conf"


class ExampleCredentials:
    """Placeholders for the secrets of a real folder."""

    authority = "The certificate of the machines' own authority.\n"

    def password(self, name: str) -> str:
        return f"EXAMPLE-{name.replace('_', '-')}"

    def verifier(self, name: str) -> str:
        digest = hashlib.sha256(name.encode()).hexdigest()[:8]
        return f"SCRAM-SHA-256$4096:EXAMPLE-{digest}"

    def pair(self, machine: str) -> KeyPair:
        return KeyPair(f"The certificate of {machine}.\n", f"The key of {machine}.\n")


def answers_of(name: str) -> Answers:
    """Return the answers of an example."""
    return read_answers(FOLDER / name / "answers.toml")


def rendered(name: str) -> dict[str, str]:
    """Return the example's files by their paths."""
    files = plan(answers_of(name), ExampleCredentials())
    return {file.path: file.text for file in files}


def nginx() -> str:
    """Return deploy/nginx.conf, which the containers use as it is."""
    return container_nginx(answers_of("one-machine"), ExampleCredentials())


def main() -> None:
    """Write both examples, and the nginx.conf of the containers."""
    for name in NAMES:
        answers = (FOLDER / name / "answers.toml").read_text()
        files = {**rendered(name), "answers.toml": answers}
        shutil.rmtree(FOLDER / name)
        for path, text in files.items():
            target = FOLDER / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
    (FOLDER / NGINX).write_text(nginx())
    (FOLDER / PROMETHEUS).write_text(rendered("three-machines")[PROMETHEUS])


if __name__ == "__main__":
    main()
