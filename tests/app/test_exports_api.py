"""The download of an export: who gets it, and when it is refused."""

from __future__ import annotations

from core.types import Role
from store import audit, exports, projects
from store.tables import Export
from tests.app.conftest import Web


def written(
    web: Web, path: str = "elsewhere/exports/1.jsonl", content: str | None = '{"a": 1}\n', **changes: str
) -> int:
    folder = web.settings.exports_dir
    folder.mkdir(parents=True, exist_ok=True)
    if content is not None:
        (folder / "1.jsonl").write_text(content, "utf-8")
    with web.db.write() as session:
        project = projects.by_slug(session, "p") or projects.create(session, slug="p", name="P", item_type="text")
        export = exports.add(session, project.id, format="sft", schema_version=1, filters={}, user_id=None)
        exports.finish(session, export.id, path=path, rows=1, sha256="0" * 64)
        for name, value in changes.items():
            setattr(session.get_one(Export, export.id), name, value)
        return export.id


def test_an_admin_gets_the_file_and_the_log_says_so(web: Web) -> None:
    export = written(web)
    answer = web.client("ada", Role.ADMIN).get(f"/api/v1/exports/{export}/file")
    assert answer.status_code == 200 and answer.text == '{"a": 1}\n'
    assert answer.headers["content-disposition"] == 'attachment; filename="1.jsonl"'
    assert answer.headers["content-security-policy"] == "sandbox"
    with web.db.read() as session:
        assert audit.page(session, action="export.download")[0].subject_id == export


def test_others_do_not(web: Web) -> None:
    export = written(web)
    assert web.client().get(f"/api/v1/exports/{export}/file").status_code == 401
    assert web.client("eve", Role.EXPERT).get(f"/api/v1/exports/{export}/file").status_code == 403


def test_what_cannot_be_handed_out_is_refused_with_the_reason(web: Web) -> None:
    ada = web.client("ada", Role.ADMIN)
    stale = ada.get(f"/api/v1/exports/{written(web, stale_why='Lesson 3 was retracted: wrong')}/file")
    assert stale.status_code == 409 and "Lesson 3 was retracted" in stale.json()["detail"]
    assert ada.get("/api/v1/exports/999/file").status_code == 404
    assert ada.get(f"/api/v1/exports/{written(web, path='gone.jsonl')}/file").status_code == 410


def test_no_path_leads_out_of_the_exports_folder(web: Web) -> None:
    ada = web.client("ada", Role.ADMIN)
    (web.settings.data_dir / "worker.secret").write_text("s", "utf-8")
    for path in ("../worker.secret", str(web.settings.data_dir / "worker.secret")):
        assert ada.get(f"/api/v1/exports/{written(web, path=path)}/file").status_code == 410
