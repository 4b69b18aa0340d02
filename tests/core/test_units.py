from core.units import unit


def test_plurals_and_other_names() -> None:
    assert unit("Hours") == ("time", "hour") == unit("hr")
    assert unit("feet") == ("length", "foot")
    assert unit("$") == unit("dollars") == ("money", "dollar")
    assert unit("apples") is None
