"""Where hypotheses disagree with the best one."""

from core import nbest

BEST = "then gunner rode home"


def test_cells_spell_the_best_and_count_who_disagrees() -> None:
    found = nbest.cells(BEST, ["then Gunnar rode home", "then runner rode home", BEST])
    assert "".join(cell.text for cell in found) == BEST
    assert [(cell.against, cell.of) for cell in found] == [(0, 3), (2, 3), (0, 3), (0, 3)]
    assert found[1].share == 2 / 3


def test_what_others_put_in_counts_against_a_neighbour() -> None:
    assert [cell.against for cell in nbest.cells("a b", ["a x b", "a b x"])] == [0, 2]
    assert nbest.cells("", ["a"]) == [] and nbest.cells("a", [])[0].share == 0.0


def test_rows_spell_both_sides() -> None:
    ((text, pieces),) = nbest.rows(BEST, ["then Gunnar rode home"])
    assert "".join(piece for op, piece in pieces if op != "delete") == text
    assert "".join(piece for op, piece in pieces if op != "insert") == BEST
