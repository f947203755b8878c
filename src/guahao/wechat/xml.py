"""WeChat's XML: flat elements in, text and news replies out.

What comes in may be hostile: no DTD, no entity, no element twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError, SubElement, tostring

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

Fields = Mapping[str, str | int]


class MalformedError(Exception):
    """Not the XML of a message."""


@dataclass(frozen=True, slots=True)
class Article:
    """One article of a news reply: a card that opens `url`."""

    title: str
    description: str
    url: str


def read_fields(body: bytes | str, root: str = "xml") -> dict[str, str]:
    """The text of each element right under the root.

    An element with elements of its own is left out, as nothing here reads any. Raises
    MalformedError for anything else than such a document, and where an element comes twice:
    one reader might take the first and another the second.
    """
    try:
        text = body if isinstance(body, str) else body.decode()
        document: Element = fromstring(text, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        raise MalformedError("no XML that may be read") from None
    if document.tag != root or len({child.tag for child in document}) != len(document):
        raise MalformedError("not a flat message")
    return {child.tag: (child.text or "").strip() for child in document if len(child) == 0}


def write_fields(fields: Fields) -> str:
    """A flat document."""
    return _written(_document(fields))


def news(fields: Fields, articles: Sequence[Article]) -> str:
    """A news message: `fields` and the articles."""
    document = _document({**fields, "MsgType": "news", "ArticleCount": len(articles)})
    listed = SubElement(document, "Articles")
    for article in articles:
        item = SubElement(listed, "item")
        _add(item, {"Title": article.title, "Description": article.description})
        _add(item, {"PicUrl": "", "Url": article.url})
    return _written(document)


def _document(fields: Fields) -> Element:
    document = Element("xml")
    _add(document, fields)
    return document


def _add(parent: Element, fields: Fields) -> None:
    for name, value in fields.items():
        SubElement(parent, name).text = str(value)


def _written(document: Element) -> str:
    return tostring(document, encoding="unicode", short_empty_elements=False)
