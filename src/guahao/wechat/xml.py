"""Read WeChat's XML of flat elements, and write text and news replies.

Input may be hostile: DTDs, entities and repeated elements are refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError, SubElement, tostring

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

Fields = Mapping[str, str | int]


class MalformedError(Exception):
    """The XML is not a message."""


@dataclass(frozen=True, slots=True)
class Article:
    """An article of a news reply: a card that opens `url`."""

    title: str
    description: str
    url: str


def read_fields(body: bytes | str, root: str = "xml") -> dict[str, str]:
    """Return the text of each child of the root.

    A child with elements of its own is left out, because nothing reads it. Raises
    MalformedError for any other document, and for a repeated element, because readers might
    differ in which they use.
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
    """Return a flat document of the fields."""
    return _written(_document(fields))


def news(fields: Fields, articles: Sequence[Article]) -> str:
    """Return a news message of `fields` and the articles."""
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
