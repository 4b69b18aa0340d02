"""What a row of a training set is worth before anybody trains on it (InstructMining, paper 37): indicators, rules, and the gate.

The rules of the paper are not taken over: their coefficients hold for its models and data. A rule is fitted on this installation's own
training runs (``rule.fit_rule``) or is one that says so (``rule.DEFAULT``).
"""
