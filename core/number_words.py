"""The numbers that words stand for, as exact fractions."""

from __future__ import annotations

from fractions import Fraction

_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve "
    "thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"

CARDINALS: dict[str, Fraction] = {
    **{word: Fraction(value) for value, word in enumerate(_UNITS.split())},
    **{word: Fraction(10 * value) for value, word in enumerate(_TENS.split(), 2)},
    "hundred": Fraction(100),
    "thousand": Fraction(1000),
    "million": Fraction(10**6),
    "billion": Fraction(10**9),
}
QUANTITIES: dict[str, tuple[Fraction, ...]] = {
    **{word: (value,) for word, value in CARDINALS.items()},
    **{word: (Fraction(1, 2), Fraction(2), Fraction(50)) for word in ("half", "halves", "halved", "halfway")},
    **{
        word: (Fraction(2),)
        for word in ("twice", "double", "doubles", "doubled", "pair", "pairs", "couple", "both", "second")
    },
    **{word: (Fraction(3), Fraction(1, 3)) for word in ("third", "thirds")},
    **{word: (Fraction(3),) for word in ("thrice", "triple", "triples", "tripled", "trio")},
    **{word: (Fraction(4), Fraction(1, 4), Fraction(25)) for word in ("quarter", "quarters", "fourth", "fourths")},
    **{word: (Fraction(4),) for word in ("quadruple", "quadruples", "quadrupled")},
    **{word: (Fraction(5), Fraction(1, 5)) for word in ("fifth", "fifths")},
    **{word: (Fraction(6), Fraction(1, 6)) for word in ("sixth", "sixths")},
    **{word: (Fraction(7), Fraction(1, 7)) for word in ("seventh", "sevenths")},
    **{word: (Fraction(8), Fraction(1, 8)) for word in ("eighth", "eighths")},
    **{word: (Fraction(9), Fraction(1, 9)) for word in ("ninth", "ninths")},
    **{word: (Fraction(10), Fraction(1, 10)) for word in ("tenth", "tenths")},
    **{word: (Fraction(12),) for word in ("dozen", "dozens")},
    "once": (Fraction(1),),
    "score": (Fraction(20),),
}
