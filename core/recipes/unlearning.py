"""What a changed head is worth after something was taken back: corrected and retained accuracy, and whether it is fixed (paper 29)."""

from __future__ import annotations

from typing import Any

LEAST_RECOVERED = 0.5  # of what the flagged rows had lost
MOST_LOST = 0.03  # of the retained accuracy


def judged(
    *, corrected_before: float | None, corrected_after: float | None, retained_before: float, retained_after: float
) -> dict[str, Any]:
    """``fixed`` (``None`` where it cannot be said) and ``says``, a sentence.

    Corrected accuracy is on the affected rows with their right labels; what they had lost is how far it was below the retained one.
    """
    lost = retained_before - retained_after
    if corrected_before is None or corrected_after is None:
        return {"fixed": None, "says": "Not known: nobody has labelled any of the affected answers anew."}
    missing = max(0.0, retained_before - corrected_before)
    if missing == 0.0 and corrected_after >= corrected_before:
        return {"fixed": None, "says": "Nothing to fix: the affected answers are judged as well as the others."}
    recovered = (corrected_after - corrected_before) / missing if missing else -1.0
    if recovered < LEAST_RECOVERED:
        return {"fixed": False, "says": "Not fixed: the affected answers are still judged worse than the others."}
    if lost > MOST_LOST:
        return {"fixed": False, "says": f"Not fixed: the other answers lost {round(100 * lost)} points."}
    return {"fixed": True, "says": f"Fixed: {round(100 * min(recovered, 1.0))} % of what was lost is back."}
