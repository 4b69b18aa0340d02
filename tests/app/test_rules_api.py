"""The file of rules is for admins, and it is the file that can be read again."""

from __future__ import annotations

from core.signals.rule_file import load
from core.signals.rules import RuleSpec
from core.types import Role
from store import projects, rules
from tests.app.conftest import Web

RULE = RuleSpec(name="no guessing", options={"pattern": "(?i)i guess"}, says="faulty", evidence="Do not: guess.")


def project(web: Web) -> int:
    with web.db.write() as session:
        made = projects.create(session, slug="p", name="P", item_type="text").id
        rules.add(session, made, RULE, user_id=None)
        return made


def test_an_admin_gets_a_file_that_reads_as_the_rules(web: Web) -> None:
    answer = web.client("ada", Role.ADMIN).get(f"/api/v1/projects/{project(web)}/rules.yaml")
    assert answer.status_code == 200 and load(answer.text) == [RULE]
    assert answer.headers["content-disposition"] == 'attachment; filename="p-rules.yaml"'


def test_others_and_unknown_projects_are_refused(web: Web) -> None:
    address = f"/api/v1/projects/{project(web)}/rules.yaml"
    assert web.client().get(address).status_code == 401
    assert web.client("eve", Role.EXPERT).get(address).status_code == 403
    assert web.client("ada", Role.ADMIN).get("/api/v1/projects/999/rules.yaml").status_code == 404


def test_a_row_that_is_no_rule_any_more_is_named(web: Web) -> None:
    made = project(web)
    with web.db.write() as session:
        rules.list_all(session, made)[0].pattern = "("
    answer = web.client("ada", Role.ADMIN).get(f"/api/v1/projects/{made}/rules.yaml")
    assert answer.status_code == 409 and "cannot be used" in answer.json()["detail"]
