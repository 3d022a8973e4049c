"""Whether a text mentions a contrast agent, in a dozen languages."""

from __future__ import annotations

import re

from pydicom.multival import MultiValue

from components.sources.words.plain_text import plain

# Names of the agent and of its injection become "@", so that one grammar covers all languages.
_AGENT = re.compile(
    r"""
      ((mezzo|medio|produit|agente?)\sd[ei]\s?)? (?<!phase\s)(?<!transfer\s) (\bi\.?v\.?\s)? [ck]ontr(as\w*|\b\.?)
    | \bgad\w* | \bgd(-?dtpa)?(?![a-z]) | \bk\.?m\b\.? | \bm\.?d\.?c\b\.? | \bciv\b | \bpdc\b | \bcte\b | \bce\b
    | \binj\w* | \biniez\w* | \biniett\w* | \binye\w* | \bgbca\b | \bvarjoain\w* | \btehost\w*
    | \b(dotarem|magnevist|multi\s?hance|pro\s?hance|omni\s?scan|clari\s?scan|elucirem|vueway|primovist|artirem)\w*
    | \bdotagraf\w*
    | \b(tiem|thuoc|(doi|can)\squang)(\s(thuoc|(doi|can)\squang|tu\b))*\b  # Vietnamese
    | ((?<=\bpo\s)|(?<=\bbez\s)|(?<=\bpred\s)|(?<=\bwith\s)|(?<=\bsa\s)) k\.?[ls]\b\.?  # Czech, Croatian
    """,
    re.VERBOSE,
)
# "kontrastfrei", "kontrastsiz": a word's ending says that there was none. So does the Danish, Norwegian "u/kontrast",
# but in the German "nativ u. Kontrast", "u." is "and".
_FREE = re.compile(
    r"(\bi\.?v\.?\s)?\b([ck]ontras\w*(frei|los|less|siz)|km\W?siz)\b"
    r"|(?<!nat )(?<!nativ )(?<!native )(?<!ohne )(?<!vor )\bu\b[\s./]*[ck]ontras\w*"
)
# The agent's name and its injection, side by side: "injection de gadolinium".
_TWICE = re.compile(r"@(\s?(d[eiu]|of|von|media|medium|agent)?\s?@)+")
# The Slavic instrumental: "s kontrastem" is "with"; elsewhere "s" is short for "without".
_WITH_SLAVIC = re.compile(r"\bs\s(?=kontrast(em|om|n)|k\.?l\b)")
# Signs with two meanings, of which one is "without". "T1 -GD": a minus, or a dash. "0 gd": none, or a number of the
# series. "sense contrast": Catalan, or Philips' SENSE. "s KM": Slavic "with", or short for "without".
_DOUBTFUL = re.compile(r"(?<=\s)-(?=@)|(?<![\w.,])0\s?(?=@)")
_DOUBTFUL_WORDS = re.compile(r"\bsense\s(?=contrasts?\b|gadolini\b|civ\b)|\bs\s(?=k\.?m\b)")
# "precontrast", "nonGad", "oKM", "smdc": a word attached to the agent's name without a space.
_GLUED = re.compile(
    r"\b(pre|post|non?|un(?=[ck])|([cmnosv]|vor|nach|mit|ohne|sin|con)(?=km|mdc|civ))(?=[ck]ontras|gad|gd\b|km\b|mdc\b|civ\b|inj|ce?\b)"
)
_WITHOUT = (
    r"(without|w\s?/\s?o(ut)?|wo|ohne|sans|sin|senza|sem|zonder|(?<!@\s)utan|uden|uten|bez|fara|tanpa|khong|ilman?)"
)
_WITH = r"(with|w|mit|met|med|avec|con|com|post?|pos|apos|nach|apres|despues|dopo|after|efter|etter)"
_BEFORE = (
    r"((pre|prae?|vor|voor|fore?|przed|pred|prije|pries|avant|antes|prima|before|prior|truoc|ennen)"
    r"(\s(to|gabe|poda\w+|admin\w+|appli\w+))?)"
)
_NATIVE = (
    r"(nati?iv\w*|natywn\w*|nat|leer\w*|blanco|plain|simple|basale?(?!\s?gang)|dirett[ao]|un-?\s?enh\w*"
    r"|non?[\s-]?enh\w*|non\s?-?con)"
)
_AND = r"[\s@]*([/&+,]|\b(and|und|u|et|puis|ed?|y)\b)+\.?\s*"
# Other things can be left out: fat, flow. Other things can come before or after: an operation.
_OF_FAT = r"\s?-?(fs\b|fat|ff\b|graisse|grasa|grasso|fett|spa?ir|flow|fc\b|mt|sat|motion|angle|gap|nav|sense|xoa)"
_OF_TREATMENT = (
    r"\s?-?(op\b|op?er|surg|treat|ther|rt\b|rad|che?m|chir|resec|biops|sat|scan|fossa|proc|traum|ict|part|erior)"
)
_BOTH = re.compile(
    rf"""
    ( \b({_WITHOUT}|{_BEFORE}|{_NATIVE}) {_AND} ({_WITH}|@)(?!\w)
    | \b{_WITH} {_AND} ({_WITHOUT}|{_BEFORE}|{_NATIVE})(?!\w)
    | \bw\s?/?\s?(and|&|\+)?\s?w\s?/?\s?o\b | \bpre\s?-\s?post\b
    | \+\s?/\s?- | -\s?/\s?\+ | \bt1-c\b
    ) \s?[/.]?@?
    """,
    re.VERBOSE,
)
_ABSENT = re.compile(
    rf"""
      \b(pre|prae?)\b(?!{_OF_TREATMENT})[\s-]?(iv\b\s?)?@? | \bt1\s?(n$|\(-\)(?!\s?@))
    | \b{_NATIVE}\b\s?@?
    | \b{_WITHOUT}\b(?!{_OF_FAT})[\s/.-]*(@|iv\b)?
    | \b(no|non|not|un|kein\w*|{_BEFORE}|v|o|ss?)\b([\s./-]|d(e|i|el|ell)\b|l')*(@|iv\b)
    | @\s?[(:]*\s?(none|no|pre|ohne|sans|sin|nein|nelkul|elott|oncesi\w*)\b(?!{_OF_FAT})
    | @\s?[(]?-[)]?(?=\s|$) | \(-\)\s?@ | \b[cg]-(?=\W|$) | (?<=\s)-c\b      # KM-, (-) KM, C-, -C
    | (@\s?)?(?<![\w.,])0+([.,]0+)?\s?(ml|mmol)\b\s?@? | \bnc$ | (?<=\bt1\s)nc\b
    | \biv\s?-(?=\W|$) | \bs\.?\s?m\.?\s?c\b
    | \bs\s?/\s?(c|cte|g|iv)\b | \bnon?\s?-?c\b        # s/c, no C
    """,
    re.VERBOSE,
)
_PRESENT = re.compile(
    rf"""
      @ | \b(post|a?pos)\b(?!{_OF_TREATMENT}) | \b(nach|apres|despues|dopo|tras)\b(?!{_OF_TREATMENT}) | \benh\w*
    | \+\s?[ckg]\b | \b[ckg]\s?\+ | \bt1\s?(c|p\.?c|\+|\(\+\))(?!\w) | \bw\s?/?\s?c\b | \bc\s?/\s?(c|cte|g)\b
    | \b(con|com|with|mit|avec)(\sc\b|$) | \bc\.?\s?m\.?\s?c\b | \biv\b(?!\svent)
    """,
    re.VERBOSE,
)
# With or without contrast; or the corpus callosum.
_EITHER = re.compile(r"\s(c|sc|cc|sg|cg)$")
# Values of ContrastBolusAgent that mean that there was none.
_NONE = re.compile(
    rf"(nc?|noncon\w*|nil|null|nein|false|f|n/?a|unknown|unspec\w*|0+([.,]0*)?(\s?ml)?"
    rf"|({_WITHOUT}|none?|not?|kein\w*|ningun\w*|aucun\w*|nessun\w*|sense)\b.*)$"
)


def mentioned_agent(text: str) -> str:
    """Return "absent", "present", "both", or "" if no word mentions a contrast agent."""
    text = _WITH_SLAVIC.sub("with ", _FREE.sub("native", plain(text)))
    text = _AGENT.sub("@", _GLUED.sub(r"\1 ", _DOUBTFUL_WORDS.sub("+/-", text)))
    text = _DOUBTFUL.sub("+/-", _TWICE.sub("@", text))
    rest = _BOTH.sub(" ", text)
    left = _ABSENT.sub(" ", rest)
    absent, present = left != rest, bool(_PRESENT.search(left))
    if absent != present:
        return "absent" if absent else "present"
    return "both" if absent or rest != text or _EITHER.search(text) else ""


def stated_agent(value: object) -> str:
    """Read ContrastBolusAgent: "absent", "present", or "" if it is empty."""
    text = plain(" ".join(map(str, value)) if isinstance(value, MultiValue) else str(value or ""))
    if not re.search(r"[a-z0-9]", text):
        return ""
    return "absent" if _NONE.match(text) else "present"
