//! A small reference with everything that the page can show, a schema that names itself included.

use serde_json::{Value, json};

use super::page::Page;
use crate::frame::Frame;

impl Page {
    /// The reference of a small API.
    pub fn sample(language: &str) -> Self {
        let frame = Frame { leave: None, ..Frame::sample(language) };
        Self::of(&document(), "/openapi.json", frame)
    }
}

fn document() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Sayso",
            "version": "0.1.0",
            "description": "Asks and records what people allow.\n\n- Every write answers with its `position`.\n- Every answer says `as_of` which position it was read."
        },
        "security": [{"key": []}],
        "tags": [{"name": "Choices", "description": "What people say."}, {"name": "Decisions"}],
        "paths": paths(),
        "components": {"schemas": schemas(), "responses": {"Problem": {
            "description": "The request could not be served.",
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
        }}}
    })
}

fn paths() -> Value {
    let choices = json!({
        "get": {
            "tags": ["Choices"],
            "summary": "The current choices of a person",
            "parameters": [{"name": "cursor", "in": "query", "schema": {"type": "string"}}],
            "responses": {
                "200": {"description": "The choices, newest first.", "content": {"application/json": {
                    "schema": {"type": "array", "items": {"$ref": "#/components/schemas/Choice"}}
                }}},
                "404": {"$ref": "#/components/responses/Problem"}
            }
        },
        "parameters": [{
            "name": "id", "in": "path", "required": true,
            "description": "The subject's id, or `namespace:value`.",
            "schema": {"type": "string", "maxLength": 256}
        }],
        "post": {
            "tags": ["Choices"],
            "summary": "Records choices, all or nothing",
            "description": "Answers when the choices are on disk. From then on no decision goes against them.",
            "requestBody": {"required": true, "content": {"application/json": {
                "schema": {"type": "object", "required": ["choices"], "properties": {
                    "choices": {"type": "array", "minItems": 1, "maxItems": 100, "items": {"$ref": "#/components/schemas/Choice"}}
                }},
                "example": {"choices": [{"effect": "denial", "scope": {"purpose": "marketing.offers", "channel": "email"}}]}
            }}},
            "responses": {
                "201": {"description": "Recorded.", "content": {"application/json": {"example": {"position": "0-10417"}}}},
                "422": {"$ref": "#/components/responses/Problem"}
            }
        }
    });
    let evaluation = json!({"post": {
        "tags": ["Decisions"],
        "summary": "May this recipient use this?",
        "requestBody": {"content": {"application/json": {"schema": {"oneOf": [
            {"$ref": "#/components/schemas/Choice"}, {"type": "null"}
        ]}}}},
        "responses": {"200": {"description": "The decision."}}
    }});
    let health = json!({"get": {"deprecated": true, "security": [], "responses": {"200": {"description": "Alive."}}}});
    json!({
        "/v1/subjects/{id}/choices": choices,
        "/access/v1/evaluation": evaluation,
        "/healthz": health
    })
}

fn schemas() -> Value {
    json!({
        "Choice": {
            "type": "object",
            "description": "A grant or a denial.",
            "required": ["effect", "scope"],
            "properties": {
                "effect": {"type": "string", "enum": ["grant", "denial"], "description": "Yes or no."},
                "scope": {"$ref": "#/components/schemas/Scope"},
                "until": {"type": ["string", "null"], "format": "date-time"}
            }
        },
        "Problem": {"allOf": [{"type": "object", "properties": {"code": {"type": "string"}, "detail": {"type": "string"}}}]},
        "Scope": {
            "type": "object",
            "description": "Purpose, data, recipient, channel and device; what is left out means any.",
            "properties": {
                "purpose": {"type": "string", "pattern": "^[a-z.-]+$"},
                "within": {"$ref": "#/components/schemas/Scope", "description": "A scope may lie within another."},
                "labels": {"type": "object", "additionalProperties": {"type": "string"}}
            }
        }
    })
}
