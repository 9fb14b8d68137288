//! Text that would like to be markup, put everywhere that text can come from.

use sayso_web::{Frame, LanguageLink, Leave, Refreshing, console, docs, portal};
use serde_json::json;

use crate::html::Html;

const HOSTILE: &str = "\"'><img src=x onerror=alert(1)></textarea>&lt;{{ 1 }}{% raw %}";

fn hostile() -> String {
    HOSTILE.into()
}

/// The page has no element and no attribute that its harmless twin has not.
fn is_text_only(name: &str, text: &str) {
    let html = Html::read(text).unwrap_or_else(|wrong| panic!("{name}: {wrong}"));
    let is_foreign = |element: &crate::html::Element| {
        element.name == "textarea" || element.attributes.contains_key("onerror")
    };
    assert!(!html.elements.iter().any(is_foreign), "{name}");
    assert!(!text.contains("<img src=x"), "{name}");
    assert!(text.contains("onerror=alert(1)"), "{name}: the text itself is shown");
}

fn frame() -> Frame {
    Frame {
        zone: jiff::tz::TimeZone::UTC,
        language: hostile(),
        organisation: hostile(),
        languages: vec![LanguageLink { language: hostile(), href: hostile() }],
        leave: Some(Leave { action: hostile(), csrf: hostile() }),
    }
}

fn poisoned_portal() -> portal::Page {
    let mut page = portal::Page::sample("en");
    page.frame = frame();
    (page.action, page.csrf, page.contact) = (hostile(), hostile(), hostile());
    page.refreshing = Refreshing::Stopped { resume_href: hostile() };
    page.older_href = Some(hostile());
    if let Some(portal::Banner::Saved { receipt_href, .. }) = &mut page.banner {
        *receipt_href = hostile();
    }
    for effect in &mut page.effects {
        (effect.title, effect.detail) = (hostile(), Some(hostile()));
    }
    for card in page.yours.iter_mut().chain(&mut page.always) {
        poison_card(card);
    }
    page.promises.fill(hostile());
    for entry in page.history.iter_mut().flatten() {
        entry.receipt_href = hostile();
        for happened in &mut entry.happened {
            use portal::Happened::{Applied, Chose, IdentifierAdded};
            match happened {
                Chose { what: text, .. }
                | Applied { system: text }
                | IdentifierAdded { kind: text } => {
                    *text = hostile();
                }
                _ => {}
            }
        }
    }
    page
}

fn poison_card(card: &mut portal::Card) {
    (card.title, card.description) = (hostile(), hostile());
    card.data.iter_mut().for_each(|item| item.title = hostile());
    for recipient in &mut card.recipients {
        (recipient.title, recipient.country) = (hostile(), hostile());
    }
    if let Some(notice) = &mut card.notice {
        notice.text = hostile();
    }
    for choice in card.boxes.iter_mut().chain(&mut card.sharing) {
        (choice.name, choice.label, choice.note) = (hostile(), hostile(), Some(hostile()));
    }
}

fn poisoned_overview() -> console::Overview {
    let mut overview = console::Overview::sample("en");
    overview.frame = frame();
    overview.alerts = vec![
        console::Alert::Late { system: hostile(), people: 1 },
        console::Alert::Parked { system: hostile(), items: 1 },
        console::Alert::ReadOnly,
    ];
    overview.refreshing = Refreshing::Every { seconds: 1, stop_href: hostile() };
    overview.head.as_mut().unwrap().root = hostile();
    for system in &mut overview.systems {
        (system.id, system.title) = (hostile(), hostile());
        system.parked.iter_mut().for_each(|parked| parked.reason = hostile());
        if let Some(error) = &mut system.last_error {
            error.class = hostile();
        }
    }
    overview
}

fn poisoned_reference() -> docs::Page {
    let schema = json!({
        "type": HOSTILE, "format": HOSTILE, "description": format!("- {HOSTILE}\n\n`{HOSTILE}`"),
        "pattern": HOSTILE, "enum": [HOSTILE], "required": [HOSTILE],
        "$ref": format!("#/components/schemas/{}", HOSTILE.replace('/', "")),
        "properties": {HOSTILE: {"type": HOSTILE}},
        "items": {"type": HOSTILE}, "additionalProperties": {"type": HOSTILE},
        "oneOf": [{"type": HOSTILE}], "allOf": [{"const": HOSTILE}]
    });
    let content = json!({HOSTILE: {
        "schema": schema, "example": HOSTILE, "examples": {HOSTILE: {"value": HOSTILE}}
    }});
    let operation = json!({
        "tags": [HOSTILE], "summary": HOSTILE, "description": HOSTILE, "security": [{HOSTILE: []}],
        "parameters": [{"name": HOSTILE, "in": HOSTILE, "description": HOSTILE, "schema": schema}],
        "requestBody": {"content": content},
        "responses": {HOSTILE: {"description": HOSTILE, "content": content}, "204": {}}
    });
    let document = json!({
        "info": {"title": HOSTILE, "version": HOSTILE, "description": HOSTILE},
        "tags": [{"name": HOSTILE, "description": HOSTILE}],
        "paths": {HOSTILE: {"get": operation}},
        "components": {"schemas": {HOSTILE: schema}}
    });
    docs::Page::of(&document, HOSTILE, frame())
}

#[test]
fn hostile_text_stays_text() {
    let gone = portal::Gone { frame: frame(), contact: hostile(), ask_href: Some(hostile()) };
    let link = portal::Link { frame: frame(), action: hostile(), token: hostile() };
    let problem = portal::Problem {
        frame: frame(),
        kind: portal::ProblemKind::BadForm,
        reference: Some(hostile()),
        back_href: Some(hostile()),
    };
    for (name, page) in [
        ("portal", poisoned_portal().render()),
        ("overview", poisoned_overview().render()),
        ("docs", poisoned_reference().render()),
        ("gone", gone.render()),
        ("link", link.render()),
        ("problem", problem.render()),
    ] {
        is_text_only(name, &page.unwrap());
    }
}

#[test]
fn odd_openapi_documents_are_shown_as_far_as_they_go() {
    for document in [
        json!(null),
        json!([]),
        json!({"paths": {"/a": null, "/b": {"get": 1}}, "components": 7}),
        json!({"paths": {"/a": {"get": {"parameters": {}, "responses": [], "tags": "x"}}}}),
        json!({"components": {"schemas": {"A": true, "B": {"$ref": "elsewhere"}, "C": {"$ref": "#/components/schemas/C"}}}}),
    ] {
        let page = docs::Page::of(&document, "/openapi.json", Frame::sample("en"));
        Html::read(&page.render().unwrap()).unwrap();
    }
}

#[test]
fn deep_schemas_end() {
    let mut schema = json!({"type": "string"});
    for _ in 0..500 {
        schema = json!({"type": "array", "items": schema});
    }
    let document = json!({"components": {"schemas": {"Deep": schema}}});
    let text = docs::Page::of(&document, "/openapi.json", Frame::sample("en")).render().unwrap();
    assert!(text.matches("class=\"shape\"").count() < 40);
}
