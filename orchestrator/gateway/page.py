"""The page at /: one file, which may load nothing, run nothing but itself, and be framed by nobody."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.resources import files

from fastapi import APIRouter, Response

INLINE = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)


def page_routes() -> APIRouter:
    """Return the route of the page. It holds no figure: those come from /v1/pointsman/live, to who has a key."""
    html = files("orchestrator.gateway").joinpath("page.html").read_text(encoding="utf-8")
    headers = {
        "Content-Security-Policy": content_security_policy(html),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
    }
    routes = APIRouter()

    @routes.get("/", include_in_schema=False)
    async def page() -> Response:
        return Response(html, media_type="text/html; charset=utf-8", headers=headers)

    return routes


def content_security_policy(html: str) -> str:
    """Return the policy under which a browser runs the inline scripts and styles of this very text, and no other."""
    allowed: dict[str, list[str]] = {"script": [], "style": []}
    for kind, content in INLINE.findall(html):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        allowed[kind].append(f"'sha256-{digest}'")
    sources = {f"{kind}-src": " ".join(found) or "'none'" for kind, found in allowed.items()}
    rest = {
        "default-src": "'none'",
        **sources,
        "connect-src": "'self'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {source}" for name, source in rest.items())
