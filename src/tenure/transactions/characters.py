"""Invisible characters, as parts of regular expressions of the engine."""

# Spaces of all kinds, and line breaks.
SPACES = r"\s\x{0B}\x{85}\p{Z}"
# Zero-width and bidirectional marks, soft hyphen, byte order mark, fillers, variation selectors, control characters.
# Not the whole category Cf of Unicode: parts of it are visible.
INVISIBLE = (
    r"\x{00}-\x{08}\x{0E}-\x{1F}\x{7F}-\x{84}\x{86}-\x{9F}\x{AD}\x{34F}\x{61C}\x{115F}\x{1160}\x{17B4}\x{17B5}"
    r"\x{180B}-\x{180F}\x{200B}-\x{200F}\x{202A}-\x{202E}\x{2060}-\x{206F}\x{2800}\x{3164}\x{FE00}-\x{FE0F}\x{FEFF}"
    r"\x{FFA0}\x{FFF9}-\x{FFFB}\x{E0000}-\x{E0FFF}"
)
BLANK = f"[{SPACES}{INVISIBLE}]"
