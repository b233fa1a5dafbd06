"""XMP packets: kept as they are, upright, and with the mark that says that a photo was edited.

A packet is RDF in XML (ISO 16684-1). What is changed in it is changed in the tree and written back with the same
prefixes. A packet with a document type is refused, so that no entity is ever expanded.

Reference: IPTC Photo Metadata Standard 2025.1 (DigitalSourceType, AISystemUsed, AISystemVersionUsed,
AIPromptInformation); XMP Specification part 2 (xmpMM:History).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.dom import Node, minidom

__all__ = ["COMPOSITE", "GENERATED", "mark", "mark_alone", "marks", "upright"]

COMPOSITE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
"""Digital source type of a photo that a trained model has edited."""
GENERATED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
"""Digital source type of a picture that a trained model has made as a whole."""
MAX_BYTES = 4 << 20
"""Largest packet that is read; its tree takes some fifty times as much memory."""

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_TIFF = "http://ns.adobe.com/tiff/1.0/"
_XMP = "http://ns.adobe.com/xap/1.0/"
_NOTE = "http://ns.adobe.com/xmp/note/"
_MM = "http://ns.adobe.com/xap/1.0/mm/"
_EVENT = "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"
_IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
# What has a meaning in XML. The libraries that know it load a web client, or a table of 2,231 names.
_IN_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_IN_VALUES = _IN_TEXT | str.maketrans({'"': "&quot;", "\n": "&#10;", "\t": "&#9;"})
_PREFIXES = {"rdf": _RDF, "xmpMM": _MM, "stEvt": _EVENT, "Iptc4xmpExt": _IPTC}
# What holds or points to pictures from before the edit: thumbnails, the rest of a packet in further JPEG segments, the
# photo before a blur, gain maps and the list of the pictures behind the first.
_OLD_PICTURES = ((_XMP, "Thumbnails"), (_NOTE, "HasExtendedXMP"))
_OLD_NAMESPACES = (
    "http://ns.google.com/photos/1.0/image/",
    "http://ns.google.com/photos/1.0/container/",
    "http://ns.adobe.com/hdr-gain-map/1.0/",
)
_OF_THE_MARK = ("DigitalSourceType", "AISystemUsed", "AISystemVersionUsed", "AIPromptInformation")
_EMPTY = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    f'<rdf:RDF xmlns:rdf="{_RDF}"></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)


def upright(packet: bytes) -> bytes:
    """Say in a packet that the photo is upright, and remove what shows it as it was; all else stays.

    Raises:
        ValueError: It is damaged, or too large.
    """
    document, rdf = _parse(packet)
    changed = False
    for element in list(_elements(rdf)):
        for attribute in list(element.attributes.values()):
            if _is_old(attribute):
                element.removeAttributeNode(attribute)
                changed = True
            elif _is(attribute, _TIFF, "Orientation") and attribute.value != "1":
                attribute.value = "1"
                changed = True
        if _is_old(element) and element.parentNode is not None:
            element.parentNode.removeChild(element)
            changed = True
        elif _is(element, _TIFF, "Orientation") and _text(element) != "1":
            for child in list(element.childNodes):
                element.removeChild(child)
            element.appendChild(document.createTextNode("1"))
            changed = True
    return _packet(document) if changed else packet


def mark(packet: bytes | None, *, tool: str, version: str, model: str, words: str, source: str = COMPOSITE) -> bytes:
    """Say in a packet what was done to the photo.

    Args:
        packet: The photo's own packet, or None.
        tool: Name and version of the program, for the history.
        version: Versions of program and models.
        model: Names of program and models.
        words: What was asked for.
        source: `COMPOSITE` or `GENERATED`. A photo that says it was generated keeps saying so.

    Returns:
        The packet with the digital source type, the models and words, and one more entry in the history.

    Raises:
        ValueError: The packet is damaged.
    """
    document, rdf = _parse(_EMPTY.encode() if packet is None else packet)
    about = next((d.getAttributeNS(_RDF, "about") for d in _descriptions(rdf)), "")
    before = {name: _taken(rdf, name) for name in _OF_THE_MARK}
    if before["DigitalSourceType"] == GENERATED:
        source = GENERATED
    description = _made(document, "rdf:Description", "rdf", "Iptc4xmpExt")
    description.setAttributeNS(_RDF, "rdf:about", about)
    values = {"AISystemUsed": model, "AISystemVersionUsed": version, "AIPromptInformation": words}
    for name, value in {"DigitalSourceType": source, **values}.items():
        old = before[name]
        if name in values and old and value not in old.split("; "):
            value = f"{old}; {value}"
        description.setAttributeNS(_IPTC, f"Iptc4xmpExt:{name}", _legal(value))
    rdf.appendChild(description)
    event = _made(document, "rdf:li", "rdf", "stEvt")
    for name, value in (("action", "edited"), ("softwareAgent", tool), ("parameters", f"{words} ({model})")):
        event.setAttributeNS(_EVENT, f"stEvt:{name}", _legal(value))
    _history(document, rdf, description).appendChild(event)
    return _packet(document)


def marks(packet: bytes) -> dict[str, str]:
    """Return what a packet says of the edit: the name of each property of the mark, and its value.

    Raises:
        ValueError: The packet is damaged.
    """
    _, rdf = _parse(packet)
    return {name: _taken(rdf, name) for name in _OF_THE_MARK}


def mark_alone(packet: bytes) -> bytes | None:
    """Return a packet with the mark of another and nothing else, or None where that has none.

    Raises:
        ValueError: The packet is damaged.
    """
    values = marks(packet)
    if not values["DigitalSourceType"]:
        return None
    document, small = _parse(_EMPTY.encode())
    description = _made(document, "rdf:Description", "rdf", "Iptc4xmpExt")
    description.setAttributeNS(_RDF, "rdf:about", "")
    for name, value in values.items():
        if value:
            description.setAttributeNS(_IPTC, f"Iptc4xmpExt:{name}", value)
    small.appendChild(description)
    return _packet(document)


def _parse(packet: bytes) -> tuple[minidom.Document, minidom.Element]:
    """Return the tree of a packet and the element that holds its properties."""
    if len(packet) > MAX_BYTES:
        raise ValueError(f"{len(packet)} bytes are too many")
    is_wide = packet[:2] in (b"\xff\xfe", b"\xfe\xff")
    text = packet.decode("utf-16" if is_wide else "utf-8").strip("\ufeff\0 \t\r\n")
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ValueError("it has a document type, which XMP has not")
    text = re.sub(r"^<\?xml\s[^>]*\?>", "", text)  # may name another encoding
    try:
        document = minidom.parseString(text.encode())
    except Exception as error:  # expat's own errors, and whatever its builder makes of odd names
        raise ValueError(f"it is no XML: {error}") from error
    top = document.documentElement
    rdf = None if top is None else next((e for e in _elements(top) if _is(e, _RDF, "RDF")), None)
    if rdf is None:
        raise ValueError("it holds no rdf:RDF")
    return document, rdf


def _elements(top: minidom.Element) -> Iterator[minidom.Element]:
    """Every element below one, without recursion."""
    waiting = [top]
    while waiting:
        element = waiting.pop()
        yield element
        waiting += [child for child in element.childNodes if isinstance(child, minidom.Element)]


def _descriptions(rdf: minidom.Element) -> list[minidom.Element]:
    return [c for c in rdf.childNodes if isinstance(c, minidom.Element) and _is(c, _RDF, "Description")]


def _is(node: minidom.Element | minidom.Attr, namespace: str, name: str) -> bool:
    return node.namespaceURI == namespace and node.localName == name


def _is_old(node: minidom.Element | minidom.Attr) -> bool:
    return (node.namespaceURI, node.localName) in _OLD_PICTURES or node.namespaceURI in _OLD_NAMESPACES


def _text(element: minidom.Element) -> str:
    return "".join(child.data for child in element.childNodes if isinstance(child, minidom.Text)).strip()


def _taken(rdf: minidom.Element, name: str) -> str:
    """Take an IPTC property out of a packet, and return its value."""
    value = ""
    for description in _descriptions(rdf):
        if description.hasAttributeNS(_IPTC, name):
            value = description.getAttributeNS(_IPTC, name)
            description.removeAttributeNS(_IPTC, name)
        for child in list(description.childNodes):
            if isinstance(child, minidom.Element) and _is(child, _IPTC, name):
                value = child.getAttributeNS(_RDF, "resource") or _text(child)
                description.removeChild(child)
    return value


def _history(document: minidom.Document, rdf: minidom.Element, description: minidom.Element) -> minidom.Element:
    """Return the list of what was done to the photo; an empty one is made in `description`."""
    for owner in _descriptions(rdf):
        for child in owner.childNodes:
            if isinstance(child, minidom.Element) and _is(child, _MM, "History"):
                lists = [c for c in child.childNodes if isinstance(c, minidom.Element) and _is(c, _RDF, "Seq")]
                if lists:
                    return lists[0]
                owner.removeChild(child)  # a history that is no list
                break
    history, entries = _made(document, "xmpMM:History", "xmpMM"), _made(document, "rdf:Seq")
    description.appendChild(history)
    history.appendChild(entries)
    return entries


def _made(document: minidom.Document, name: str, *prefixes: str) -> minidom.Element:
    """Make an element that declares its own prefixes, whatever the document calls them."""
    own = name.partition(":")[0]
    element = document.createElementNS(_PREFIXES[own], name)
    for prefix in dict.fromkeys((own, *prefixes)):
        element.setAttribute(f"xmlns:{prefix}", _PREFIXES[prefix])
    return element


def _legal(text: str) -> str:
    """Replace what no XML may hold."""
    return re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)


def _packet(document: minidom.Document) -> bytes:
    try:
        return "\n".join(_xml(child) for child in document.childNodes).encode()
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _xml(node: Node) -> str:
    """Write a node; line breaks in attributes survive, which minidom's own writer turns into spaces."""
    if isinstance(node, minidom.Element):
        attributes = "".join(f' {a.name}="{a.value.translate(_IN_VALUES)}"' for a in node.attributes.values())
        inside = "".join(_xml(child) for child in node.childNodes)
        return f"<{node.tagName}{attributes}>{inside}</{node.tagName}>"
    if isinstance(node, minidom.CDATASection) or not isinstance(node, minidom.Text):
        return str(node.toxml())  # type: ignore[attr-defined]
    return node.data.translate(_IN_TEXT)
