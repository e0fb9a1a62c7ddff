"""The page may load nothing and run nothing but itself, and reads no text as HTML."""

import re
from html.parser import HTMLParser
from importlib.resources import files

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from orchestrator.gateway.page import content_security_policy, page_routes


@pytest.fixture(scope="module")
def html():
    return files("orchestrator.gateway").joinpath("page.html").read_text(encoding="utf-8")


class Elements(HTMLParser):
    """All start tags with their attributes."""

    def __init__(self, html):
        super().__init__()
        self.found = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def test_the_page_is_served_under_a_strict_policy(html):
    app = FastAPI()
    app.include_router(page_routes())
    reply = TestClient(app).get("/")
    assert reply.status_code == 200 and reply.text == html
    policy = dict(part.split(" ", 1) for part in reply.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["form-action"] == policy["frame-ancestors"] == "'none'"
    assert policy["connect-src"] == "'self'"
    assert "unsafe" not in str(policy) and "*" not in str(policy) and "http" not in str(policy)
    assert re.fullmatch(r"'sha256-[\w+/=]+'", policy["script-src"])
    assert reply.headers["x-content-type-options"] == "nosniff"


def test_the_policy_allows_this_script_and_no_other():
    one, other = (content_security_policy(f"<script>{text}</script>") for text in ("a()", "b()"))
    assert one != other and "style-src 'none'" in one


def test_nothing_comes_from_another_host(html):
    links = re.findall(r"""(?:src|href|action|url\()\s*=?\s*["']?([^"'\s>)]+)""", html)
    assert set(links) <= {"data:,", "#main"}
    assert "http://" not in html and "https://" not in html and "@import" not in html


def test_no_element_carries_script_or_style(html):
    for tag, attributes in Elements(html).found:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], tag


def test_text_is_never_read_as_html(html):
    for way in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "srcdoc",
        "new Function",
    ):
        assert way not in html


def test_every_control_has_a_label_and_every_table_heading_a_scope(html):
    elements = Elements(html).found
    labelled = {attributes["for"] for tag, attributes in elements if tag == "label"}
    controls = {attributes["id"] for tag, attributes in elements if tag in ("input", "textarea")}
    assert controls and controls <= labelled
    assert all(attributes.get("scope") for tag, attributes in elements if tag == "th")
    assert ("html", {"lang": "en"}) in elements and sum(tag == "h1" for tag, _ in elements) == 1
    ids = [attributes["id"] for _, attributes in elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for name in ("aria-labelledby", "aria-describedby"):
        assert {attributes[name] for _, attributes in elements if name in attributes} <= set(ids)


def test_what_the_script_looks_for_is_on_the_page(html):
    ids = {attributes["id"] for _, attributes in Elements(html).found if "id" in attributes}
    assert set(re.findall(r'\$\("([\w-]+)"\)', html)) <= ids


def luminance(colour):
    """Relative luminance of #rrggbb (WCAG 2.2, "relative luminance")."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


PAIRS = [
    *((text, "sheet") for text in ("ink", "faint", "accent", "good", "bad")),
    *((text, "ground") for text in ("ink", "faint", "good", "bad")),
    ("sheet", "accent"),
    ("ink", "accent-soft"),
    ("good", "good-soft"),
    ("bad", "bad-soft"),
    ("ink", "line"),
]


@pytest.mark.parametrize("pair", PAIRS, ids=" on ".join)
def test_text_stands_out_in_light_and_dark(html, pair):
    schemes = [
        dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block))
        for block in re.findall(r":root \{(.*?)\}", html, re.DOTALL)
    ]
    assert len(schemes) == 2
    for scheme in schemes:
        assert contrast(*(scheme[name] for name in pair)) >= 4.5
