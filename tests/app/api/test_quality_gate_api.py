"""The quality gate for programs: evaluation sets, gated exports, training runs, and what is refused."""

from __future__ import annotations

from store import exports, jobs
from store.tables import Export, Job
from tests.app.programs import Api


def gated(api: Api, quality: object, code: int = 201) -> dict[str, object]:
    program = api.program("exports:write")
    asked = {"format": "sft", "filters": {"quality": quality}}
    answer = program.post(f"/api/v1/projects/{api.project}/exports", json=asked)
    assert answer.status_code == code, answer.text
    body: dict[str, object] = answer.json()
    return body


def test_a_gate_is_kept_with_its_export_and_nonsense_is_refused(api: Api) -> None:
    made = gated(api, {"rule": "default", "keep": 5, "near_duplicates": 0.97})
    assert made["filters"] == {"quality": {"rule": "default", "keep": 5, "near_duplicates": 0.97}}
    assert "record 12 more" in str(gated(api, {"rule": "fitted"}, 422))
    gated(api, {"held": "0" * 64}, 404)
    for wrong in (
        {"rule": "best"},
        {"keep": 0},
        {"near_duplicates": 2},
        {"size": 1},
        {"max_step_error": -1},
        {"keep": 3},
    ):
        gated(api, wrong, 422)


def test_an_evaluation_set_is_kept_once(api: Api) -> None:
    program = api.program("exports:write")
    path = f"/api/v1/projects/{api.project}/evaluation-sets"
    first = program.post(path, json={"name": "test", "texts": ["What is 2 + 2?"]})
    assert first.status_code == 201, first.text
    assert program.post(path, json={"name": "again", "texts": ["What is 2 + 2?"]}).json() == first.json()
    assert [one["count"] for one in api.program("exports:read").get(path).json()] == [1]
    assert gated(api, {"held": first.json()["sha256"]})["state"] == "waiting"
    assert program.post(path, json={"name": "test", "texts": [" "]}).status_code == 422


def test_runs_and_the_rule_that_they_give(api: Api) -> None:
    export_id = int(str(gated(api, {"rule": "length"})["id"]))
    program, reader = api.program("exports:write"), api.program("exports:read")
    path = f"/api/v1/exports/{export_id}/runs"
    refused = program.post(path, json={"loss": 1.5})
    assert refused.status_code == 409 and refused.json()["code"] == "not_scored"
    with api.web.db.write() as session:
        job = jobs.get(session, exports.get(session, export_id).job_id or 0)
        session.get_one(Job, job.id).result = {"means": {"length": 12.0}}
    assert program.post(path, json={"loss": 1.5, "note": "seed 1"}).json()["means"] == {"length": 12.0}
    for n in range(11):
        assert program.post(path, json={"loss": 1 + n / 10, "means": {"length": 13 + n}}).status_code == 201
    told = reader.get(f"/api/v1/projects/{api.project}/runs").json()
    assert len(told["runs"]) == 12 and told["why_not"] == "" and told["rule"]["coefficients"]["length"] > 0
    for wrong in ({"loss": 0}, {"loss": 1, "means": {"size": 1}}, {}):
        assert program.post(path, json=wrong).status_code == 422
    assert program.post("/api/v1/exports/999/runs", json={"loss": 1}).status_code == 404
    with api.web.db.read() as session:
        assert session.query(Export).count() == 1


def test_an_m2_file_is_of_edit_spans_alone(api: Api) -> None:
    program, path = api.program("exports:write"), f"/api/v1/projects/{api.project}/exports"
    assert program.post(path, json={"format": "edit_spans", "container": "m2"}).status_code == 201
    refused = program.post(path, json={"format": "kto", "container": "m2"})
    assert refused.status_code == 422 and "choose the format edit_spans" in refused.text
