"""How a small language model is asked for the labels of the public sets: one example per label, and words of one token each.

The examples and words are ours, written without looking at the sets' answers. A small model's likelihood of one word depends on how
common the word is: the mean over a label's words, less its mean over the set, is what counts (``core.evaluation.label_model``).
"""

from __future__ import annotations

from core.evaluation.rows import LabelPrompt

SEMEVAL = LabelPrompt(
    "Name the relation between the two things in the text with one word.",
    (
        ("cause", "effect", "result"),
        ("part", "component", "piece"),
        ("container", "inside", "contents"),
        ("destination", "movement", "toward"),
        ("origin", "source", "from"),
        ("tool", "instrument", "using"),
        ("member", "group", "collection"),
        ("topic", "about", "subject"),
        ("product", "producer", "maker"),
    ),
    (
        ("The storm caused a flood. (storm, flood)", "cause"),
        ("The engine of the car is old. (engine, car)", "part"),
        ("The bottle was full of milk. (milk, bottle)", "container"),
        ("He sent the letter to the office. (letter, office)", "destination"),
        ("The oil comes from olives. (oil, olives)", "origin"),
        ("The doctor used a needle. (doctor, needle)", "tool"),
        ("A flock of birds flew by. (birds, flock)", "member"),
        ("The book is about history. (book, history)", "topic"),
        ("The company makes shoes. (shoes, company)", "product"),
    ),
)
CHEMPROT = LabelPrompt(
    "Name the relation of the chemical to the protein in the text with one word.",
    (
        ("part", "component"),
        ("regulator", "control"),
        ("increase", "activation"),
        ("inhibitor", "decrease", "inhibition"),
        ("stimulation", "mimic"),
        ("antagonist", "blocks"),
        ("modulation", "modulates"),
        ("partner", "required"),
        ("substrate", "product", "metabolism"),
        ("none", "no", "unrelated"),
    ),
    (
        ("Serine residues of kinase A are conserved. (serine, kinase A)", "part"),
        ("Drug X regulates the expression of gene B. (drug X, gene B)", "regulator"),
        ("Drug X increased the activity of caspase. (drug X, caspase)", "increase"),
        ("Drug X inhibits COX-2. (drug X, COX-2)", "inhibitor"),
        ("Drug X is a full agonist of the receptor D1. (drug X, D1)", "stimulation"),
        ("Drug X is an antagonist of the receptor D2. (drug X, D2)", "antagonist"),
        ("Drug X is an allosteric modulator of GABA. (drug X, GABA)", "modulation"),
        ("Enzyme C requires zinc as a cofactor. (zinc, enzyme C)", "partner"),
        ("Glucose is transported by GLUT4. (glucose, GLUT4)", "substrate"),
        ("Drug X did not affect albumin. (drug X, albumin)", "none"),
    ),
)
YOUTUBE = LabelPrompt(
    "Is the comment under a video spam or normal? Answer with one word.",
    (("normal", "comment", "opinion"), ("spam", "advertisement", "promotion")),
    (
        ("I love this song so much", "normal"),
        ("Check out my channel and subscribe please!", "spam"),
        ("who is watching in 2014", "normal"),
        ("make money online at http://bit.ly/x", "spam"),
    ),
)
SMS = LabelPrompt(
    "Is the text message spam or normal? Answer with one word.",
    (("normal", "personal", "friendly"), ("spam", "advertisement", "promotion")),
    (
        ("See you at the station at six", "normal"),
        ("WIN a free phone! Call now, 18+ only", "spam"),
        ("Sorry, I'm in a meeting. Talk later", "normal"),
        ("You have been chosen for a cash prize, reply CLAIM", "spam"),
    ),
)
TREC = LabelPrompt(
    "What kind of answer does the question ask for? Answer with one word.",
    (
        ("description", "definition", "explanation"),
        ("entity", "object", "thing"),
        ("person", "human", "people"),
        ("abbreviation", "acronym"),
        ("location", "place", "country"),
        ("number", "amount", "date"),
    ),
    (
        ("what does the word moot mean ?", "description"),
        ("what kind of animal is a mole ?", "entity"),
        ("who wrote hamlet ?", "person"),
        ("what does nasa stand for ?", "abbreviation"),
        ("where is the louvre ?", "location"),
        ("how many people live in rome ?", "number"),
    ),
)
