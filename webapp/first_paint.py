"""What the browser does before the page's own scripts: in the document's head, so that nothing flashes."""

from __future__ import annotations

import json
from typing import Final

from webapp.words import CATALOGUES, COOKIE, ENGLISH

#: Pages are built in English. Until their scripts have put another language in, their words are not shown
#: (css/base.css); comfort/everywhere.jsx shows them.
SCRIPT: Final = f"""
const known = {json.dumps(list(CATALOGUES))};
const chosen = document.cookie.match(/(?:^|; ){COOKIE}=(\\w+)/)?.[1];
const wanted = navigator.languages.map((name) => name.split("-")[0].toLowerCase());
const language = [chosen, ...wanted].find((name) => known.includes(name)) ?? "{ENGLISH}";
document.documentElement.lang = language;
document.documentElement.classList.toggle("untranslated", language !== "{ENGLISH}");
"""
