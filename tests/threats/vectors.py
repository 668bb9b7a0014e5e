"""Hostile values: spellings of redirect URIs, markup, header breaks."""

from __future__ import annotations

from typing import Final

_HOST: Final = "https://app.example.com"

REDIRECT_VARIANTS: Final = (
    f"{_HOST}/callback/", f"{_HOST}/callback?", f"{_HOST}/callback?x=1", f"{_HOST}/callback#", f"{_HOST}/callback#x",
    f"{_HOST}/callback%2f", f"{_HOST}/%63allback", f"{_HOST}/callback/..", f"{_HOST}/callback/../callback",
    f"{_HOST}/./callback", f"{_HOST}//callback", f"{_HOST}/callback;x", f"{_HOST}/;/callback", f"{_HOST}/..;/callback",
    f"{_HOST}/Callback", f"{_HOST}/CALLBACK", f"{_HOST}/callbac", f"{_HOST}/callback2", f"{_HOST}/callback ",
    f" {_HOST}/callback", f"{_HOST}/callback%20", f"{_HOST}/callback%00", f"{_HOST}/callback\\", f"{_HOST}\\callback",
    "https://APP.example.com/callback", "HTTPS://app.example.com/callback", "http://app.example.com/callback",
    "https://app.example.com:443/callback", "https://app.example.com:8443/callback", "https://app.example.com:/callback",
    "https://app.example.com./callback", "https://app.example.com.evil.test/callback", "https://evil.test/callback",
    "https://appXexample.com/callback", "https://app.example.comevil.test/callback", "https://evil-app.example.com/callback",
    "https://sub.app.example.com/callback", "https://app.example.com@evil.test/callback",
    "https://app.example.com:x@evil.test/callback", "https://evil.test@app.example.com/callback",
    "https://evil.test#@app.example.com/callback", "https://evil.test?@app.example.com/callback",
    "https://evil.test\\@app.example.com/callback", "https://evil.test/https://app.example.com/callback",
    "//app.example.com/callback", "//evil.test/callback", "/callback", "callback", "///app.example.com/callback",
    "https:app.example.com/callback", "https:/app.example.com/callback", "https:///app.example.com/callback",
    "https:\\\\app.example.com\\callback", "https://app\u3002example.com/callback", "https://app\uff0eexample.com/callback",
    "https://\u0430pp.example.com/callback", "https://xn--pp-7ka.example.com/callback",
    "https://app.example.com/c\u0430llback", "https://app.example.com\u2044callback", "https://app%2eexample.com/callback",
    "https://app.example.com%2fcallback", "https://app.example.com%00.evil.test/callback",
    "javascript:alert(1)//https://app.example.com/callback", "data:text/html,https://app.example.com/callback",
    "com.example.app:/callback", "https://shop.example.com/cb?keep=1", "https://127.0.0.1/callback",
    "https://*.example.com/callback", "https://app.example.com/*", "https://app.example.com/callback,https://evil.test/",
)  # fmt: skip
"""Near misses of https://app.example.com/callback; control characters are refused earlier and tested apart."""

MARKUP: Final = (
    "<script>alert(1)</script>", "\"><script>alert(1)</script>", "'><script>alert(1)</script>", "</title><script>x</script>",
    "</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\"><img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>", "<svg/onload=alert(1)>", "\" onfocus=\"alert(1)\" autofocus=\"", "' onfocus='alert(1)' autofocus='",
    "\" onmouseover=alert(1) x=\"", "<iframe src=javascript:alert(1)>", "<body onload=alert(1)>", "<a href=javascript:alert(1)>",
    "<math><mtext></mtext></math>", "<details open ontoggle=alert(1)>", "<style>@import'//evil.test'</style>", "<base href=//evil.test/>",
    "<meta http-equiv=refresh content=0;url=//evil.test>", "<form action=//evil.test><input type=submit>", "<input autofocus onfocus=x>",
    "--><script>alert(1)</script>", "<!--<script>", "]]><script>x</script>", "{{7*7}}", "{% for x in y %}", "${7*7}", "<%= 7*7 %>",
    "#{7*7}", "&lt;script&gt;", "&#60;script&#62;", "\u2028<script>", "<scr\u0130pt>", "\ufeff<script>x</script>", "\uff1cscript\uff1e",
    "javascript:alert(1)", "<noscript><p title=\"</noscript><img src=x onerror=1>\">", "<template><script>x</script></template>",
    "<object data=//evil.test>", "<embed src=//evil.test>", "<link rel=stylesheet href=//evil.test>",
)  # fmt: skip

HEADER_BREAKS: Final = (
    "\r\nSet-Cookie: evil=1", "\nSet-Cookie: evil=1", "\rSet-Cookie: evil=1", "\r\n\r\n<script>", "\u560a\u560dSet-Cookie: evil=1",
    "\x85Set-Cookie: evil=1", "\u2028Set-Cookie: evil=1", "\x00Set-Cookie: evil=1", "\x1b[2J", "%0d%0aSet-Cookie: evil=1",
)  # fmt: skip
