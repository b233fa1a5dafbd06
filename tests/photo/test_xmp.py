"""XMP packets, read back with another parser."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from imgedit.photo import xmp

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
IPTC = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"
MM = "{http://ns.adobe.com/xap/1.0/mm/}"
EVENT = "{http://ns.adobe.com/xap/1.0/sType/ResourceEvent#}"
DC = "{http://purl.org/dc/elements/1.1/}"
TIFF = "{http://ns.adobe.com/tiff/1.0/}"
MARK = {"tool": "imgedit 1.2", "version": "1.2 (3.4)", "model": "imgedit (hair.celeba)", "words": "blond=0.5"}

# As a camera, a photographer's program and a phone write it: attributes and elements, a nested structure, a comment.
PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Some Core 7.1">
 <r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <!-- kept -->
  <r:Description r:about="uuid:1" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"
    xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"
    tiff:Orientation="6" xmpNote:HasExtendedXMP="0123" photoshop:Instructions="one&#10;two &lt;3">
   <dc:creator><r:Seq><r:li>Zoë &amp; 写真</r:li></r:Seq></dc:creator>
   <dc:rights><r:Alt><r:li xml:lang="x-default">© Zoë</r:li></r:Alt></dc:rights>
  </r:Description>
  <r:Description r:about="uuid:1" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/">
   <xmp:Thumbnails><r:Alt><r:li>AAAA</r:li></r:Alt></xmp:Thumbnails>
   <tiff:Orientation>8</tiff:Orientation>
  </r:Description>
 </r:RDF>
</x:xmpmeta>
<?xpacket end="w"?>""".encode()


def tree(packet: bytes) -> ElementTree.Element:
    rdf = ElementTree.fromstring(packet).find(f"{RDF}RDF")
    assert rdf is not None
    return rdf


def attribute(packet: bytes, name: str) -> list[str]:
    return [d.attrib[name] for d in tree(packet).findall(f"{RDF}Description") if name in d.attrib]


def history(packet: bytes) -> list[dict[str, str]]:
    return [dict(li.attrib) for li in tree(packet).findall(f"{RDF}Description/{MM}History/{RDF}Seq/{RDF}li")]


def test_a_packet_becomes_upright_and_shows_no_old_picture() -> None:
    result = xmp.upright(PACKET)
    assert attribute(result, f"{TIFF}Orientation") == ["1"]
    assert [e.text for e in tree(result).iter(f"{TIFF}Orientation")] == ["1"]
    for gone in (b"Thumbnails", b"HasExtendedXMP", b"hdrgm:Version"):
        assert gone in PACKET
        assert gone not in result
    assert xmp.upright(result) == result


def test_the_authors_words_stay() -> None:
    result = xmp.mark(xmp.upright(PACKET), **MARK)
    assert [e.text for e in tree(result).iter(f"{RDF}li") if e.text] == ["Zoë & 写真", "© Zoë"]
    assert attribute(result, "{http://ns.adobe.com/photoshop/1.0/}Instructions") == ["one\ntwo <3"]
    assert b"<!-- kept -->" in result
    assert result.startswith(PACKET[:60])
    assert result.endswith(PACKET[-19:])


def test_a_packet_with_nothing_to_change_stays_byte_for_byte() -> None:
    calm = PACKET.replace(b'Orientation="6"', b'Orientation="1"').replace(b">8<", b">1<")
    for name in (b'xmpNote:HasExtendedXMP="0123"', b'hdrgm:Version="1.0"'):
        calm = calm.replace(name, b"")
    start, end = calm.index(b"<xmp:Thumb"), calm.index(b"</xmp:Thumbnails>")
    calm = calm[:start] + calm[end + len(b"</xmp:Thumbnails>") :] + b" " * 100
    assert xmp.upright(calm) == calm


@pytest.mark.parametrize("packet", [None, PACKET])
def test_the_mark_says_what_was_done(packet: bytes | None) -> None:
    result = xmp.mark(packet, **MARK)
    assert attribute(result, f"{IPTC}DigitalSourceType") == [
        "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
    ]
    assert attribute(result, f"{IPTC}AISystemUsed") == ["imgedit (hair.celeba)"]
    assert attribute(result, f"{IPTC}AISystemVersionUsed") == ["1.2 (3.4)"]
    assert attribute(result, f"{IPTC}AIPromptInformation") == ["blond=0.5"]
    (event,) = history(result)
    assert event == {
        f"{EVENT}action": "edited",
        f"{EVENT}softwareAgent": "imgedit 1.2",
        f"{EVENT}parameters": "blond=0.5 (imgedit (hair.celeba))",
    }
    abouts = {d.get(f"{RDF}about") for d in tree(result).findall(f"{RDF}Description")}
    assert abouts == ({""} if packet is None else {"uuid:1"})  # one resource, as RDF asks for


def test_a_second_edit_adds_to_the_history() -> None:
    once = xmp.mark(PACKET, **MARK)
    twice = xmp.mark(once, **MARK | {"words": "smiling", "model": "imgedit (face.celeba)"})
    assert [event[f"{EVENT}parameters"] for event in history(twice)] == [
        "blond=0.5 (imgedit (hair.celeba))",
        "smiling (imgedit (face.celeba))",
    ]
    assert attribute(twice, f"{IPTC}AIPromptInformation") == ["blond=0.5; smiling"]
    assert attribute(twice, f"{IPTC}AISystemUsed") == ["imgedit (hair.celeba); imgedit (face.celeba)"]
    assert attribute(twice, f"{IPTC}AISystemVersionUsed") == ["1.2 (3.4)"]


@pytest.mark.parametrize("as_element", [False, True])
@pytest.mark.parametrize(
    ("before", "after"), [("digitalCapture", xmp.COMPOSITE), ("trainedAlgorithmicMedia", xmp.GENERATED)]
)
def test_a_capture_becomes_a_composite_and_what_was_generated_stays_so(
    before: str, after: str, as_element: bool
) -> None:
    value = f"http://cv.iptc.org/newscodes/digitalsourcetype/{before}"
    name = 'xmlns:i="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
    given = (
        f' i:DigitalSourceType="{value}">' if not as_element else f"><i:DigitalSourceType>{value}</i:DigitalSourceType>"
    )
    packet = PACKET.replace(b'r:about="uuid:1" xmlns:tiff', f'r:about="uuid:1" {name} xmlns:tiff'.encode(), 1)
    at = packet.index(b">", packet.index(b"&lt;3"))
    packet = packet[:at] + given.encode() + packet[at + 1 :]
    result = xmp.mark(packet, **MARK)
    assert attribute(result, f"{IPTC}DigitalSourceType") == [after]
    assert list(tree(result).iter(f"{IPTC}DigitalSourceType")) == []


def test_odd_words_stay_xml() -> None:
    words = "a\x00b\x1b \ud800 \"<&>'\n\ufffe🙂"
    result = xmp.mark(None, **MARK | {"words": words})
    assert attribute(result, f"{IPTC}AIPromptInformation") == ["a\ufffdb\ufffd \ufffd \"<&>'\n\ufffd🙂"]


def test_the_mark_alone_is_a_packet_of_its_own() -> None:
    whole = xmp.mark(PACKET.replace(b"Some Core", b"x" * 100_000), **MARK)
    alone = xmp.mark_alone(whole)
    assert alone is not None
    assert len(alone) < 1500
    assert attribute(alone, f"{IPTC}DigitalSourceType") == [xmp.COMPOSITE]
    assert attribute(alone, f"{IPTC}AIPromptInformation") == ["blond=0.5"]
    assert xmp.mark_alone(PACKET) is None


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_packets_in_other_encodings_are_read(encoding: str) -> None:
    result = xmp.upright(PACKET.decode().encode(encoding))
    assert attribute(result, f"{TIFF}Orientation") == ["1"]


LAUGHS = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    "packet",
    [
        PACKET[:-40],
        b"\xff" * 20,
        b"",
        b"<x/>",
        LAUGHS + PACKET.replace(b"AAAA", b"&b;"),
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd">' + PACKET,
        PACKET.replace(b"AAAA", b"&undefined;"),
        PACKET.replace(b"xmlns:dc", b"xmlns:dd"),
        PACKET.replace(b"AAAA", b"\x01"),
        b"<a>" * 100_000 + b"</a>" * 100_000,
        b" " * (xmp.MAX_BYTES + 1),
    ],
)
def test_a_damaged_packet_is_a_value_error(packet: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        xmp.upright(packet)


def test_deep_nesting_is_a_value_error_when_it_is_written() -> None:
    deep = PACKET.replace(b"AAAA", b"").replace(b"<!-- kept -->", b"<x:a>" * 50_000 + b"</x:a>" * 50_000)
    with pytest.raises(ValueError, match="deep"):
        xmp.upright(deep)
