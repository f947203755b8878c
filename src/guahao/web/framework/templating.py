"""The Jinja templates, in an environment for each language."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from guahao.web.http.assets import asset_address
from guahao.words.catalogue import Language, translations

TEMPLATES = Path(__file__).parents[1] / "templates"


def template(name: str, language: Language) -> Template:
    """Return a template of templates/ with its texts in this language."""
    return _environment(language).get_template(name)


@cache
def _environment(language: Language) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        auto_reload=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    words = translations(language)
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        words.gettext, words.ngettext, newstyle=True
    )
    environment.globals["asset"] = asset_address
    return environment
