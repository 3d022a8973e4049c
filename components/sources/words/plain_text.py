"""Text as headers and file names hold it, in plain words."""

from __future__ import annotations

import re
import unicodedata

# Words in other scripts, in English: Japanese, Chinese, Korean, Russian. Longer ones first, as "not X" contains "X".
_ENGLISH = {
    "非造影": "native", "造影なし": "native", "造影前": "native", "単純": "native", "造影後": "gd", "造影": "gd",
    "平扫": "native", "平掃": "native", "单纯": "native", "單純": "native", "增强前": "native", "增強前": "native",
    "增强": "gd", "增強": "gd", "조영 전": "native", "조영전": "native", "조영": "gd",
    "拡散": "dwi", "弥散": "dwi", "扩散": "dwi", "擴散": "dwi", "灌流": "perfusion", "灌注": "perfusion",
    "水抑制": "flair", "压水": "flair", "抑水": "flair", "黑水": "flair", "磁化率": "swi", "磁敏感": "swi",
    "位置決め": "localizer", "定位": "localizer", "差分": "subtraction", "减影": "subtraction", "減影": "subtraction",
    "血管": "angio", "头颅": "", "без контраст": "without contrast", "до контраст": "pre contrast",
    "после контраст": "post contrast", "контраст": "contrast",
    "нативн": "nativ", "диффуз": "diffusion", "перфуз": "perfusion",
}  # fmt: skip
_FOREIGN = re.compile("|".join(map(re.escape, sorted(_ENGLISH, key=len, reverse=True))), re.IGNORECASE)
# Phrases of several words that say without an agent, or with one; the agent's name alone, in `_ENGLISH`, says "with".
_RUSSIAN_AGENT = r"(введения\s)?(в/в\s)?(контраст\w*|к/?[ув]\b)"
_WITHOUT_AGENT = re.compile(
    r"[非无無未不](增强|增強|造影|对比|對比)\w?|造影[剤剂劑]?(投与|注入|注射|使用)?(前|なし|無し)|(增强|增強)(扫描|掃描)?前"
    r"|비\s?조영(증강)?|조영(제|증강)?\s?(투여|주입)?\s?(전|없이|없음)"
    rf"|\b(без|до)\s{_RUSSIAN_AGENT}|\b(χωρ[ιί]ς|πριν|προ)\s(\w+\s)?σκιαγρ\w*",
    re.IGNORECASE,
)
_WITH_AGENT = re.compile(rf"(\b(с|после)\s|\+\s?){_RUSSIAN_AGENT}|σκιαγρ\w*", re.IGNORECASE)  # noqa: RUF001


def plain(text: str) -> str:
    """Lower case without accents, words separated: `T1wPostGd` becomes `t1 post gd`."""
    text = _in_english(text)
    text = re.sub(r"(?<=[a-z]{2})(?=[A-Z])|(?<=[a-z]{2}W)(?=[A-Z][a-z])", " ", text.replace("_", " "))
    text = _APART.sub(" ", _without_accents(text.lower()))
    text = re.sub(r"\bct1\b", "t1 ce", text)
    text = re.sub(r"(?<![a-z])(3d|2d|ax|sag|cor|tra|s|ce|gd|km|pre|post)?(?<=[a-z\d])(?=t[12](?!\d))", r"\1 ", text)
    text = re.sub(r"(\bt[12])(?!\d)w?", r"\1", text)
    text = re.sub(r"(\bt[12]|flair)(?=[a-z])", r"\1 ", text)
    return re.sub(r"\s+", " ", text).strip()


def spaced(name: str) -> str:
    """A file name's words in lower case, separated by one space: "5_T1Gd" is "5 t1 gd", "T1_KM-" is "t1 km-"."""
    name = re.sub(r"(?<![A-Za-z])cT1(?!\d)", "CT1", _in_english(name))
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[0-9])(?=[A-CE-VX-Z])", " ", name)
    text = _without_accents(apart.lower()).encode("ascii", "ignore").decode()
    text = re.sub(r"(?<=[a-z])-(?=[_ .]|$)", "\0", text)  # "without"
    text = re.sub(r"(?<=[_ ])-(?=(c|ce|gd|gad\w*|km|mdc)(?![a-z]))", " \0", text)
    words = re.split(r"[^a-z0-9+\0]+", text)
    words = [word for part in words for word in ("t1 ce" if part == "ct1" else part).split()]
    return " ".join(part for word in words for part in _WEIGHTING.sub(r" \1 \2", word).split()).replace("\0", "-")


# Between Latin letters and others: "T1強調画像".
_APART = re.compile(r"(?<=[a-z\d])(?=[^\W\d_a-z])|(?<=[^\W\d_a-z])(?=[a-z\d])")
# A prefix of SPM's, or "3d" or "ce", before the weighting; and whatever follows it.
_WEIGHTING = re.compile(r"^(?:3d|co|[rwm])?(t[12])(?:weighted|w)?((?!\d).*)$")


def _in_english(text: str) -> str:
    text = unicodedata.normalize("NFC", text.replace("_", " ")).translate(_FULL_WIDTH)  # macOS writes names in parts
    text = _WITH_AGENT.sub(" gd ", _WITHOUT_AGENT.sub(" native ", text))
    return _FOREIGN.sub(lambda found: f" {_ENGLISH[found[0].lower()]} ", text)


# Japanese keyboards write letters and digits in full width.
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}


def _without_accents(text: str) -> str:
    text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return text.replace("ø", "o").replace("ł", "l").replace("đ", "d").replace("ß", "ss").replace("\u0131", "i")
