"""What people said of this same output in other reviews: their majority (annotators as a source, POLAR, paper 1).

It counts where several people review an item. "Cannot judge" is no vote, and a tie abstains. Where reviews are what a risk is
calibrated on, this source has to be left out, or the risk would be graded by its own answer.
"""

from __future__ import annotations

from core.signals.base import REGISTRY, SignalInput
from core.types import Verdict, Vote


@REGISTRY.register("annotators")
class AnnotatorsSignal:
    name = "annotators"

    def vote(self, x: SignalInput) -> Vote:
        said = [verdict for verdict in x.verdicts if verdict is not Verdict.CANNOT_JUDGE]
        if not said:
            return Vote(self.name, evidence="Nobody else has judged this answer.")
        faulty, people = said.count(Verdict.FAULTY), "person" if len(said) == 1 else "people"
        details = {"faulty": faulty, "judged": len(said)}
        if 2 * faulty == len(said):
            return Vote(self.name, evidence=f"{len(said)} {people} are split.", details=details)
        verdict = Verdict.FAULTY if 2 * faulty > len(said) else Verdict.ACCEPTABLE
        count = max(faulty, len(said) - faulty)
        return Vote(
            self.name, verdict, evidence=f"{count} of {len(said)} {people} said {verdict.value}.", details=details
        )
