"""A report as one file: it carries its style and a policy that lets nothing else in."""

import base64
import hashlib
import re

from future_skills import offline_page


def test_a_document_carries_the_policy_that_its_own_style_meets() -> None:
    document = offline_page.document("<v1> & co", "<h1>ok</h1>", "fr")
    style = re.search(r"<style>(.*)</style>", document, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in offline_page.POLICY
    assert offline_page.POLICY.startswith("default-src 'none'; ")
    told = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', document)
    assert told is not None
    assert told[1].replace("&#x27;", "'") == offline_page.POLICY
    assert "<title>&lt;v1&gt; &amp; co</title>" in document
    assert '<html lang="fr">' in document
    assert not re.search(r"url\(|@import|https?://", document)
