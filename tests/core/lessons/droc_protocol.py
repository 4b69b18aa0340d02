"""The DROC protocol (paper 9): six rule families, twelve items each, three rounds, an oracle that corrects only violated rules.

``RuleObeyingSimulator`` is no model: it obeys exactly the rules that stand in its prompt. It is right for this one figure, how many
corrections the lessons save, because it takes the model's obedience out of the measurement. Retrieval, distilling and prompts are real.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from core.embedding import Embedder
from core.generators.base import Message
from core.lessons.base import History
from core.lessons.deterministic import DeterministicDistiller
from core.lessons.handling import classify
from core.lessons.index import ScopeIndex
from core.lessons.prompt import fill_slots, slot_of
from core.lessons.retrieve import retrieve
from core.projects import ProjectSettings
from core.refiners.base import RefineInput
from core.refiners.feedback import FeedbackRefiner
from core.types import Attempt, CorrectionText, LessonKind, LessonText, PromptSlot, Question, Step

SETTINGS = ProjectSettings()


@dataclass(frozen=True)
class Rule:
    """``marker`` is how the simulator knows the rule again, whoever words it; ``said`` are the oracle's phrasings."""

    name: str
    marker: str
    said: tuple[str, ...]


@dataclass(frozen=True)
class Family:
    name: str
    rules: tuple[Rule, ...]
    prompts: tuple[str, ...]
    fills: tuple[tuple[str, ...], ...]  # one per round

    def items(self, round_number: int) -> list[str]:
        words = self.fills[round_number]
        return [p.format(a=words[i % len(words)], b=words[(i + 1) % len(words)]) for i, p in enumerate(self.prompts)]


FAMILIES = (
    Family(
        "prices",
        (
            Rule(
                "decimals",
                "two decimals",
                ("Give every amount with two decimals.", "You should write prices with two decimals."),
            ),
            Rule(
                "tax",
                "sales tax",
                ("Always say whether sales tax is included.", "You forgot to say whether sales tax is included."),
            ),
        ),
        (
            "What do {a} notebooks cost at 1.25 dollars each?",
            "A shop sells {a} pens for 9 dollars. What is the price of one?",
            "Mia pays for {a} apples at 40 cents and {b} pears at 60 cents. What is the total?",
            "How much change is left from 50 dollars after buying {a} tickets at 3 dollars?",
            "A jacket costs 80 dollars and is reduced by {a} percent. What does it cost now?",
            "What is the bill for {a} coffees at 2.8 and {b} teas at 2.2 dollars?",
            "Which is cheaper per egg: {a} eggs for 3 dollars or {b} eggs for 4 dollars?",
            "Tom buys {a} metres of cloth at 7.5 dollars a metre. How much does he pay?",
            "A phone plan costs {a} dollars a month. How much is it for a year?",
            "The price of bread rises from 2 dollars by {a} percent. What is the new price?",
            "How much do {a} friends pay each when they split a bill of 91 dollars?",
            "A pack of {a} batteries costs 11 dollars. What do {b} batteries cost?",
        ),
        (("4", "6", "12", "15"), ("3", "8", "10", "20"), ("5", "7", "14", "25")),
    ),
    Family(
        "late parcels",
        (
            Rule(
                "promise",
                "delivery date",
                ("Never promise a delivery date.", "Do not promise a delivery date to the customer."),
            ),
            Rule(
                "ticket",
                "ticket number",
                ("End each reply with the ticket number.", "You should mention the ticket number at the end."),
            ),
        ),
        (
            "Reply to {a}, whose parcel has not arrived.",
            "Answer {a}, who asks where the order is.",
            "Write to {a}: the shipment to {b} was delayed by snow.",
            "{a} complains that the package went to a neighbour. Draft a reply.",
            "Respond to {a}, who waits for a replacement parcel.",
            "Draft a message to {a} about a lost shipment.",
            "{a} wants to know why tracking shows no movement. Write our answer.",
            "Tell {a} that the courier could not find the address.",
            "Write a reply to {a}, whose order is stuck at customs.",
            "{a} received only half of the order. Answer the customer.",
            "Reply to an angry mail by {a} about a parcel delayed for weeks.",
            "Answer {a}, who asks whether the courier comes to {b}.",
        ),
        (
            ("Mrs Chen", "Mr Okafor", "Ms Silva"),
            ("Mr Novak", "Mrs Haddad", "Ms Lindt"),
            ("Ms Park", "Mr Rossi", "Mrs Khan"),
        ),
    ),
    Family(
        "recipes",
        (
            Rule(
                "metric",
                "grams",
                ("Give all amounts in grams and millilitres.", "You should use grams and millilitres, not cups."),
            ),
            Rule("allergens", "allergens", ("List the allergens at the end.", "You left out the list of allergens.")),
        ),
        (
            "Write a recipe for {a} for four people.",
            "How do I cook {a} for a family dinner?",
            "I need a simple recipe for {a}.",
            "Give me a vegetarian version of {a}.",
            "How is {a} made at home?",
            "Recipe for {a} with ingredients and steps, please.",
            "What ingredients do I need for {a}, and how do I prepare it?",
            "Explain how to bake or cook {a} in under an hour.",
            "I want to make {a} for twelve guests. What is the recipe?",
            "Describe the preparation of {a} and a side dish of {b}.",
            "A quick recipe for {a} for children.",
            "How do I make {a} without an oven?",
        ),
        (
            ("tomato soup", "pancakes", "risotto"),
            ("banana bread", "lentil stew", "lasagne"),
            ("pumpkin pie", "fried rice", "goulash"),
        ),
    ),
    Family(
        "news summaries",
        (
            Rule(
                "date",
                "date and place",
                ("Put date and place in the first sentence.", "You should begin with date and place."),
            ),
            Rule(
                "source",
                "name the source",
                ("Always name the source of figures.", "You must name the source of figures."),
            ),
        ),
        (
            "Summarise this news article about {a}.",
            "Give a short summary of the report on {a}.",
            "Condense the newspaper story about {a} into three sentences.",
            "Write an abstract of the press article on {a}.",
            "Sum up what the newspaper writes about {a}.",
            "What are the main points of the article on {a}?",
            "Shorten the following news report about {a}.",
            "Write a headline and a summary for the story on {a}.",
            "Summarise the coverage of {a} for our newsletter.",
            "Give the gist of the news item about {a}.",
            "Make a five-line digest of the article on {a}.",
            "Boil the long report about {a} down to its essentials.",
        ),
        (
            ("the floods in Valencia", "the election in Ghana", "the rail strike"),
            ("the wildfire near Athens", "the budget debate", "the earthquake in Nepal"),
            ("the storm in Florida", "the new tunnel", "the harbour workers' strike"),
        ),
    ),
    Family(
        "SQL",
        (
            Rule("alias", "alias", ("Give every table an alias.", "You should use an alias for every table.")),
            Rule(
                "order",
                "ORDER BY",
                ("Always end the query with ORDER BY.", "You must add ORDER BY so that the result is stable."),
            ),
        ),
        (
            "Write an SQL query that lists all {a} with more than five entries.",
            "SQL: count the {a} per country.",
            "Which SQL query shows the ten newest {a}?",
            "Give me a SELECT statement that joins {a} with {b}.",
            "How do I find duplicate {a} in a database table?",
            "Write a query for {a} that have no matching {b}.",
            "SQL query for the average age of {a} by city.",
            "Show how to select {a} created in the last month with SQL.",
            "Write a SQL statement that returns {a} and the number of their {b}.",
            "Query the table of {a} for rows without an e-mail address.",
            "Select the most expensive {a} per category in SQL.",
            "Which query finds the {a} with the most {b}?",
        ),
        (("customers", "orders", "products"), ("authors", "books", "loans"), ("employees", "projects", "departments")),
    ),
    Family(
        "German to English",
        (
            Rule(
                "handy",
                "mobile phone",
                ("Translate 'Handy' as 'mobile phone'.", "You should translate 'Handy' as 'mobile phone'."),
            ),
            Rule("british", "British spelling", ("Use British spelling.", "You must use British spelling.")),
        ),
        (
            "Translate into English: 'Mein {a} ist kaputt.'",
            "Put this German sentence into English: 'Wo ist das {a}?'",
            "Translate from German: 'Sie hat ihr {a} verloren.'",
            "What is 'Das {a} ist neu' in English?",
            "English translation of 'Ich kaufe morgen ein {a}', please.",
            "Translate the German text 'Wir haben kein {a} und kein {b}.'",
            "How do you say in English: 'Darf ich dein {a} benutzen?'",
            "Translate: 'Das {a} liegt neben dem {b}.'",
            "Give the English for 'Er repariert das {a}.'",
            "Please translate this German line: 'Dieses {a} war teuer.'",
            "Translate to English: 'Hast du mein {a} gesehen?'",
            "Render in English: 'Ohne {a} gehe ich nicht aus dem Haus.'",
        ),
        (("Handy", "Fahrrad", "Buch"), ("Handy", "Auto", "Fenster"), ("Handy", "Radio", "Klavier")),
    ),
)
UNRELATED = (
    "How far is the Moon from the Earth?",
    "Who painted the ceiling of the Sistine Chapel?",
    "Write a haiku about autumn leaves.",
    "Explain photosynthesis to a ten-year-old.",
    "Which planets have rings?",
    "What caused the French Revolution?",
    "Suggest three names for a grey kitten.",
    "How does a vaccine work?",
    "Is the sentence 'Colourless green ideas sleep furiously' grammatical?",
    "Describe the rules of chess in five sentences.",
    "What is the difference between a comet and an asteroid?",
    "Write a birthday greeting for my grandfather.",
)


class RuleObeyingSimulator:
    """Answers with the names of the rules whose marker stands in its prompt outside the question; an earlier answer shown counts."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = rules

    def answer(self, messages: Sequence[Message], question: Question) -> str:
        seen = "\n".join(m.content for m in messages).replace(question.prompt, "")
        kept = [r.name for r in self.rules if re.search(rf"\b{re.escape(r.marker)}\b|\bkept:[^\n]*\b{r.name}\b", seen)]
        return f"An answer. kept: {' '.join(kept)}"


class OracleAnnotator:
    """Corrects one violated rule of the family at a time, in one of its phrasings, and nothing else."""

    def __init__(self, family: Family, rng: random.Random) -> None:
        self.family, self.rng = family, rng

    def correct(self, answer: str) -> str | None:
        kept = answer.split("kept:")[1].split()
        violated = [r for r in self.family.rules if r.name not in kept]
        return self.rng.choice(violated[0].said) if violated else None


@dataclass
class Knowledge:
    """Lessons with one FAISS index per kind, as the worker holds them; ``texts`` plays the database's part."""

    embedder: Embedder
    texts: dict[int, LessonText] = field(default_factory=dict)
    families: dict[int, str] = field(default_factory=dict)
    indexes: dict[LessonKind, ScopeIndex] = field(default_factory=dict)
    vectors: dict[str, Any] = field(default_factory=dict)

    def expect(self, prompts: Sequence[str]) -> None:
        """Embed prompts in one batch before they are asked for."""
        self.vectors.update(zip(prompts, self.embedder.embed(prompts), strict=True))

    def learn(self, history: History, family: str) -> None:
        for draft in DeterministicDistiller().distil(history):
            lesson = LessonText(len(self.texts) + 1, draft.kind, draft.text, draft.applicability, name=draft.name)
            self.texts[lesson.id], self.families[lesson.id] = lesson, family
            index = self.indexes.setdefault(draft.kind, ScopeIndex(self.embedder.dim))
            index.add([lesson.id], self.embedder.embed([lesson.applicability]))

    def find(self, prompt: str) -> list[LessonText]:
        if prompt not in self.vectors:
            self.expect([prompt])
        vector = self.vectors[prompt]
        return retrieve(
            lambda kind, _, k: self.indexes[kind].search(vector, k) if kind in self.indexes else [],
            prompt,
            floor=SETTINGS.lesson_floor,
            per_slot=SETTINGS.lessons_per_slot,
            recheck=lambda ids: {i: self.texts[i] for i in ids},
        )


@dataclass
class Tally:
    corrections: int = 0
    irrelevant_rules: list[int] = field(default_factory=list)


def review_item(prompt: str, family: Family, oracle: OracleAnnotator, lessons: Sequence[LessonText]) -> History:
    """One item until the oracle is content; at most ten corrections."""
    question = Question(prompt)
    simulator = RuleObeyingSimulator(family.rules)
    messages, _ = fill_slots(question, lessons, SETTINGS.lesson_tokens)
    attempts: list[Attempt] = []
    for number in range(1, 11):
        text = simulator.answer(messages, question)
        steps = (Step(0, text, 0, len(text)),)
        said = oracle.correct(text)
        if said is None:
            return History(question, (*attempts, Attempt(number, text, steps)), text)
        handling = classify(said, steps=steps)
        correction = CorrectionText(number, said, handling.scope, handling.dependency, handling.step_index)
        attempts.append(Attempt(number, text, steps, correction))
        asked = FeedbackRefiner().messages(RefineInput(question, tuple(attempts), correction, tuple(lessons)))
        assert asked is not None
        messages = list(asked)
    raise AssertionError(f"never accepted: {prompt}")


def run(embedder: Embedder | None, seed: int = 0) -> tuple[list[Tally], Knowledge | None]:
    """Corrections per round; without an embedder there is no knowledge base."""
    rng = random.Random(seed)
    knowledge = Knowledge(embedder) if embedder is not None else None
    rounds = [Tally() for _ in range(3)]
    for number, tally in enumerate(rounds):
        todo = [(family, prompt) for family in FAMILIES for prompt in family.items(number)]
        rng.shuffle(todo)
        if knowledge is not None:
            knowledge.expect([prompt for _, prompt in todo])
        for family, prompt in todo:
            lessons = knowledge.find(prompt) if knowledge is not None else []
            history = review_item(prompt, family, OracleAnnotator(family, rng), lessons)
            tally.corrections += len(history.attempts) - 1
            if knowledge is not None:
                tally.irrelevant_rules.append(irrelevant_rules(knowledge, lessons, family.name))
                # no exemplars: the simulator would read its own "kept:" in them
                knowledge.learn(replace(history, final=None), family.name)
    return rounds, knowledge


def irrelevant_rules(knowledge: Knowledge, lessons: Sequence[LessonText], family: str) -> int:
    return sum(knowledge.families[x.id] != family and slot_of(x.kind) is PromptSlot.RULES for x in lessons)
