"""A project's rules as ``rules.yaml``, for admins: the file that the page and ``corrigenda eval risk`` read."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from app import auth
from app.api.sign_in import state_of
from core.signals.rule_file import dump
from core.types import Role
from store import projects, rules

router = APIRouter()


@router.get("/api/v1/projects/{project_id}/rules.yaml")
def download(request: Request, project_id: int) -> Response:
    """The file as an attachment. 401 and 403 by role, 404 for an unknown project, 409 when a rule cannot be read any more."""
    state = state_of(request)
    person = auth.person_of(state, request)
    if person is None:
        return JSONResponse({"detail": "Sign in first."}, 401)
    if not person.may(Role.LEAD, project_id):
        return JSONResponse({"detail": "Rules are for the project's leads. Ask one for the file."}, 403)
    try:
        with state.db.read() as session:
            slug = projects.get(session, project_id).slug
            text = dump(rules.specs(session, project_id))
    except LookupError as missing:
        return JSONResponse({"detail": str(missing)}, 404)
    except ValueError as problem:
        return JSONResponse({"detail": f"A rule cannot be read any more: {problem}. Edit or remove it."}, 409)
    headers = {
        "content-disposition": f'attachment; filename="{slug}-rules.yaml"',
        "cache-control": "no-store",
        "content-security-policy": "sandbox",
    }
    return Response(text, media_type="application/yaml", headers=headers)
