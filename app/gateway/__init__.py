"""An OpenAI-compatible door in front of the model server: existing programs get the benefit of the lessons without a change.

``serving`` holds the routes, ``prompting`` puts lessons into a conversation, ``models`` asks the model, ``keeping`` puts the
answer before people. Whatever of these fails, the request still reaches the model.
"""

from app.gateway.serving import create_gateway

__all__ = ["create_gateway"]
