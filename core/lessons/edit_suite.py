"""The edit suite of a lesson (canonical examples, paper 24): by which questions it is judged whether it generalises or over-applies.

Its own example, at least two paraphrases, and a hard negative on which it must not show. Paraphrases are made without a model: other
words from a small table, other numbers and names, another order of sentences, a polite frame. All of it follows from the text alone,
so that the same lesson gets the same suite on every machine. The paper writes natural probes by hand; where people linked a lesson to
later items, those come first. A made hard negative keeps the topic and changes the task: with the topic changed and the task kept,
most rules would rightly still apply.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from core.generators.base import Message
from core.lessons.wording import NAME, NOT_NAMES, NUMBER, is_count, words

PARAPHRASES = 2
NEAR = 0.6  # cosine from which a model's rewording may pass for one: all-MiniLM-L6-v2 puts unrelated sentences below .3
LONGEST = 3  # times the question
REWORD = "Say the question of the user in other words. Keep every number and name. Answer with the new question alone."


class ProbeKind(StrEnum):
    CANONICAL = "canonical"
    PARAPHRASE = "paraphrase"
    NEGATIVE = "negative"


class Made(StrEnum):
    """Where a probe comes from."""

    SOURCE = "source"  # the item that was corrected
    APPLICABILITY = "applicability"  # what the lesson says of when it applies, where no item is known
    LINKED = "linked"  # a later item on which people said that it was of use
    REWORDED = "reworded"  # by rules of language
    VOTED = "voted"  # an item on which people said that it is not relevant
    NEAR = "near"  # a similar item whose answer was accepted at once, without it
    CHANGED_TASK = "changed_task"  # the topic of the example in another task
    MODEL = "model"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Probe:
    """One question of a suite; ``answer`` is what people let stand, with which answers are compared and which is in no prompt."""

    kind: ProbeKind
    text: str
    made: Made
    context: str = ""
    answer: str | None = None
    item_id: int | None = None


_SYNONYMS: tuple[tuple[str, str], ...] = (
    ("how many", "what number of"),
    ("how much", "what amount of"),
    ("what is", "what would be"),
    ("calculate", "work out"),
    ("compute", "work out"),
    ("find", "determine"),
    ("determine", "find"),
    ("solve", "work out"),
    ("write", "compose"),
    ("explain", "describe"),
    ("describe", "explain"),
    ("summarize", "sum up"),
    ("summarise", "sum up"),
    ("translate", "render"),
    ("list", "name"),
    ("show", "display"),
    ("give", "provide"),
    ("tell", "let me know about"),
    ("total", "overall"),
    ("each", "every"),
    ("every", "each"),
    ("begins", "starts"),
    ("buys", "purchases"),
    ("large", "big"),
    ("big", "large"),
    ("small", "little"),
    ("quickly", "fast"),
    ("because", "since"),
    ("but", "yet"),
    ("also", "as well"),
    ("similar to", "like"),
    ("means", "signifies"),
)
_FRAMES = (
    "Could you please help me with this? {}",
    "I have a question. {}",
    "Please look at the following. {} Thank you.",
    "Here is one for you: {}",
)
_PEOPLE = ("Marta", "Oskar", "Lena", "Tomas", "Ines", "Pavel", "Rosa", "Emil", "Nadia", "Hugo")
_OTHER_TASKS = (
    "Write a short rhyme for a birthday card that mentions {}.",
    "Invent the title of a children's book about {}.",
    "Tell a friend in one line why you dreamed of {}.",
)
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[\"'“(]?[A-Z0-9])|\n+")
_WORD = re.compile(r"[^\W\d_]{4,}")
_PLAIN = words(
    "what which when where whose that this these those there their they them then than with from into your have does will "
    "would could should about after before between each every many much more most some such only also over under find give "
    "make tell write show answer question please following text been were being very just like because"
)


def paraphrases(text: str, many: int = PARAPHRASES) -> list[tuple[str, bool]]:
    """``many`` rewordings, all different from ``text`` and from each other, and whether the answer stays the same.

    The first swaps numbers and names; the later ones keep them, so that what was accepted for ``text`` holds for them too.
    """
    said = " ".join(text.split())
    if not said:
        return []
    seed = zlib.crc32(said.encode("utf-8", "surrogatepass"))
    made: list[tuple[str, bool]] = []
    for number, (candidate, same) in enumerate(_candidates(said, seed)):
        if candidate != said and candidate not in [one for one, _ in made] and number < 20:
            made.append((candidate, same))
        if len(made) == many:
            break
    return made


def _candidates(text: str, seed: int) -> Iterator[tuple[str, bool]]:
    swapped = other_values(text, seed)
    if swapped != text:
        yield other_words(swapped), False
    turned = question_first(other_words(text))
    yield _framed(turned, seed), True
    yield other_words(text), True
    for number in range(1, len(_FRAMES)):
        yield _framed(text, seed + number), True


def _framed(text: str, seed: int) -> str:
    return _FRAMES[seed % len(_FRAMES)].format(text)


def other_words(text: str) -> str:
    """``text`` with words of a small table exchanged, each word once."""
    table = dict(_SYNONYMS)
    pattern = r"\b(" + "|".join(sorted(map(re.escape, table), key=len, reverse=True)) + r")\b"

    def turn(match: re.Match[str]) -> str:
        new = table[match[0].lower()]
        return new[0].upper() + new[1:] if match[0][0].isupper() else new

    return re.sub(pattern, turn, text, flags=re.IGNORECASE)


def other_values(text: str, seed: int) -> str:
    """``text`` with other numbers of the same length and other names, the same one wherever it stood before.

    A number that counts decimals, words and the like sets a form and stays.
    """
    names = list(dict.fromkeys(n for n in NAME.findall(text) if n.split()[0] not in NOT_NAMES and not _opens(text, n)))
    turn = {name: _PEOPLE[(seed + place) % len(_PEOPLE)] for place, name in enumerate(names[: len(_PEOPLE)])}
    text = NUMBER.sub(lambda m: m[0] if is_count(text, m) else _other_number(m[0], seed), text)
    for name, new in turn.items():
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", new, text)
    return text


def _opens(text: str, name: str) -> bool:
    """Whether a single capital word is only the first of a sentence, wherever it stands."""
    if " " in name:
        return False
    places = [m.start() for m in re.finditer(rf"(?<!\w){re.escape(name)}(?!\w)", text)]
    return all(not text[:place].rstrip() or text[:place].rstrip()[-1] in ".!?:\"“'(" for place in places)


def _other_number(number: str, seed: int) -> str:
    digits = re.sub(r"\D", "", number)
    shift = 1 + (seed + int(digits)) % 7
    new = "".join(str(1 + (int(d) + shift - 1) % 9) for d in digits)
    rest = iter(new)
    return "".join(next(rest) if c.isdigit() else c for c in number)


def question_first(text: str) -> str:
    """The last sentence before the others, when it is a question and there are others."""
    sentences = [s.strip() for s in _SENTENCE.split(text) if s.strip()]
    if len(sentences) < 2 or not sentences[-1].endswith("?"):
        return text
    return " ".join([sentences[-1], *sentences[:-1]])


def changed_task(text: str) -> str:
    """A near miss: the longest words and a name of ``text`` in a task that has nothing to do with it."""
    said = [w for w in dict.fromkeys(_WORD.findall(text)) if w.lower() not in _PLAIN]
    kept = sorted(sorted(said, key=lambda w: (-len(w), w))[:3], key=text.index)
    about = " and ".join(kept) or "nothing at all"
    return _OTHER_TASKS[zlib.crc32(text.encode("utf-8", "surrogatepass")) % len(_OTHER_TASKS)].format(about)


def reworded_request(text: str) -> list[Message]:
    """What a model is asked for a paraphrase of a question, which stands between lines of its own."""
    return [Message("system", REWORD), Message("user", text)]


def told_apart(text: str, said: Sequence[str], cosines: Sequence[float]) -> list[str]:
    """Of what a model said, each with its cosine to ``text``: what is near it and neither it nor another one over again."""
    asks = text.rstrip().endswith("?")  # a small model answers a question sooner than it rewords it
    seen, kept = {_plain_words(text)}, []
    for one, cosine in zip(said, cosines, strict=True):
        words_of = _plain_words(one)
        if asks and not one.rstrip().endswith("?"):
            continue
        if words_of and words_of not in seen and cosine >= NEAR and len(one) <= LONGEST * max(len(text), 40):
            kept.append(one)
        seen.add(words_of)
    return kept


def _plain_words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))


def suite(
    canonical: Probe, linked: Sequence[Probe], negatives: Sequence[Probe], by_model: Sequence[Probe] = ()
) -> list[Probe]:
    """A whole suite: the example, ``linked`` items filled up to ``PARAPHRASES`` with rewordings, and real ``negatives`` or a near miss.

    What a model reworded stands beside them. The rewording that keeps the values keeps the answer; ``ValueError`` for an example that
    says nothing.
    """
    if not canonical.text.strip():
        raise ValueError("a suite needs an example that says something")
    missing = max(0, PARAPHRASES - len(linked))
    reworded = [
        Probe(ProbeKind.PARAPHRASE, text, Made.REWORDED, canonical.context, canonical.answer if same else None)
        for text, same in paraphrases(canonical.text, missing)
        if missing
    ]
    near_miss = Probe(ProbeKind.NEGATIVE, changed_task(canonical.text), Made.CHANGED_TASK)
    return [canonical, *linked, *reworded, *by_model, *(negatives or [near_miss])]
