//! OpenAPI 3.1, generated from the handlers.

use std::sync::Arc;

use axum::{Json, Router, extract::FromRef, http::header, response::IntoResponse, routing::get};
use serde_json::Value;
use utoipa::{
    Modify, OpenApi,
    openapi::security::{Http, HttpAuthScheme, SecurityScheme},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{App, Point, access, health, metrics, point::Keys, v1};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Sayso",
        description = "Customers' choices about their data: recorded, in force at once, told to every system, proven.\n\n\
            Decisions follow OpenID AuthZEN 1.0: the AuthZEN `subject` is the recipient that asks, \
            `action.name` the purpose, `resource` a category of data (`type`) of a person (`id`).",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    tags(
        (name = "decisions", description = "May this recipient use this data of this person for this purpose? (OpenID AuthZEN 1.0)"),
        (name = "catalog", description = "What the company declares."),
        (name = "subjects", description = "People, their identifiers and devices."),
        (name = "choices", description = "What people said, and what came of it."),
        (name = "effects", description = "What downstream systems did."),
        (name = "audience", description = "Whose data may be used."),
        (name = "log", description = "The ledger, and what proves it."),
        (name = "keys", description = "API keys."),
        (name = "operations", description = "Health and metrics."),
    ),
    modifiers(&Bearer),
    security(("key" = [])),
)]
struct Document;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        let mut scheme = Http::new(HttpAuthScheme::Bearer);
        scheme.description = Some("An API key, made by `sayso key create`.".into());
        components.add_security_scheme("key", SecurityScheme::Http(scheme));
    }
}

/// What a server and a replica of it answer alike, from a decision point.
pub(crate) fn decisions<S>() -> OpenApiRouter<S>
where
    S: Keys + Clone + Send + Sync + 'static,
    Arc<Point>: FromRef<S>,
{
    OpenApiRouter::new()
        .routes(routes!(access::configuration::handler))
        .routes(routes!(access::evaluation::handler))
        .routes(routes!(access::evaluations::handler))
        .routes(routes!(access::search_subject::handler))
        .routes(routes!(access::search_action::handler))
}

/// Every endpoint but those: its file says what it does, this list says that it is there.
pub(crate) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(access::search_resource::handler))
        .routes(routes!(v1::catalog::show, v1::catalog::apply))
        .routes(routes!(v1::catalog_plan::handler))
        .routes(routes!(v1::subjects::create))
        .routes(routes!(v1::subjects_find::handler))
        .routes(routes!(v1::subject::show, v1::subject::change, v1::subject::erase))
        .routes(routes!(v1::identifiers::add))
        .routes(routes!(v1::identifiers::remove))
        .routes(routes!(v1::guardians::add, v1::guardians::remove))
        .routes(routes!(v1::devices::put))
        .routes(routes!(v1::choices::record, v1::choices::list))
        .routes(routes!(v1::history::handler))
        .routes(routes!(v1::effects_of::handler))
        .routes(routes!(v1::links::handler))
        .routes(routes!(v1::operator_links::handler))
        .routes(routes!(v1::receipts::handler))
        .routes(routes!(v1::effects::handler))
        .routes(routes!(v1::systems::handler))
        .routes(routes!(v1::sinks::kinds::handler))
        .routes(routes!(v1::sinks::list::handler))
        .routes(routes!(v1::sinks::declare::handler, v1::sinks::orders::remove))
        .routes(routes!(v1::sinks::declare::check))
        .routes(routes!(v1::sinks::declare::rotate))
        .routes(routes!(v1::sinks::orders::mode))
        .routes(routes!(v1::sinks::orders::replay))
        .routes(routes!(v1::sinks::orders::park))
        .routes(routes!(v1::sinks::orders::except))
        .routes(routes!(v1::audience::handler))
        .routes(routes!(v1::audience_count::handler))
        .routes(routes!(v1::imports::handler))
        .routes(routes!(v1::log::checkpoint))
        .routes(routes!(v1::log::entries))
        .routes(routes!(v1::tail::handler))
        .routes(routes!(v1::snapshot::handler))
        .routes(routes!(v1::keys::create, v1::keys::list))
        .routes(routes!(v1::keys::revoke))
        .routes(routes!(health::alive))
        .routes(routes!(health::ready))
        .routes(routes!(metrics::handler))
}

/// The document.
pub(crate) fn described() -> utoipa::openapi::OpenApi {
    let (_, mut whole) = routes().split_for_parts();
    let (_, decisions) = decisions::<Arc<Point>>().split_for_parts();
    whole.merge(decisions);
    whole
}

/// The document as JSON.
pub(crate) fn to_json(openapi: &utoipa::openapi::OpenApi) -> Value {
    serde_json::to_value(openapi).unwrap_or(Value::Null)
}

/// Serves the document.
pub(crate) fn document(openapi: &utoipa::openapi::OpenApi) -> Router {
    let json = Arc::new(to_json(openapi));
    let serve = move || {
        let json = Arc::clone(&json);
        async move { ([(header::CACHE_CONTROL, "no-cache")], Json((*json).clone())).into_response() }
    };
    Router::new().route("/openapi.json", get(serve))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The committed document is what strangers build against, so it moves only on purpose:
    /// `SAYSO_BLESS=1 cargo test -p sayso-api` writes it anew.
    #[test]
    fn the_committed_document_is_the_one_that_is_served() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/openapi.json");
        let served = serde_json::to_string_pretty(&to_json(&described())).unwrap() + "\n";
        if std::env::var_os("SAYSO_BLESS").is_some() {
            std::fs::write(path, &served).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap();
        assert!(
            committed == served,
            "docs/reference/openapi.json is stale: SAYSO_BLESS=1 cargo test -p sayso-api"
        );
    }

    #[test]
    fn every_operation_says_what_it_does() {
        let (_, openapi) = routes().split_for_parts();
        let document = to_json(&openapi);
        assert_eq!(document["openapi"], "3.1.0");
        let mut names = std::collections::BTreeSet::new();
        for (path, operations) in document["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                let has = |name: &str| operation.get(name).is_some_and(|value| !value.is_null());
                assert!(has("summary") && has("tags") && has("responses"), "{method} {path}");
                // Programs that write clients make a function of each name.
                let name = operation["operationId"].to_string();
                assert!(names.insert(name.clone()), "{name} stands twice");
            }
        }
    }

    #[test]
    fn every_media_type_that_is_taken_is_said() {
        let (_, openapi) = routes().split_for_parts();
        let document = to_json(&openapi);
        for (path, types) in [
            ("/v1/catalog", ["application/yaml", "application/json"]),
            ("/v1/catalog/plan", ["application/yaml", "application/json"]),
            ("/v1/imports", ["application/x-ndjson", "text/csv"]),
        ] {
            let said = &document["paths"][path]["post"]["requestBody"]["content"];
            assert!(types.iter().all(|media| said.get(media).is_some()), "{path}: {said}");
        }
    }
}
