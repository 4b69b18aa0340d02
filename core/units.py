"""Names of units of measure, so that numbers in different units are neither compared nor added."""

from __future__ import annotations

_FAMILIES = {
    "length": "mm=millimeter=millimetre cm=centimeter=centimetre m=meter=metre km=kilometer=kilometre "
    "inch=inches=in foot=feet=ft yard=yd mile=mi",
    "mass": "mg=milligram g=gram kg=kilogram lb=pound oz=ounce ton=tonne",
    "volume": "ml=milliliter=millilitre l=liter=litre cup pint quart gallon=gal tablespoon=tbsp teaspoon=tsp",
    "time": "second=sec minute=min hour=hr=h day week month year=yr decade century=centuries",
    "money": "dollar=$=buck cent=¢=c penny=pennies nickel dime quarter euro=€",
    "angle": "degree=° radian=rad",
    "count": "dozen pair hundred thousand=k million billion",
}
_CANONICAL = {
    name: (family, names.split("=")[0])
    for family, groups in _FAMILIES.items()
    for names in groups.split()
    for name in names.split("=")
}


def unit(word: str) -> tuple[str, str] | None:
    """(family, standard name) of a unit in singular or plural, or ``None``: "Hours" gives ("time", "hour")."""
    word = word.casefold()
    return _CANONICAL.get(word) or _CANONICAL.get(word.removesuffix("s"))
