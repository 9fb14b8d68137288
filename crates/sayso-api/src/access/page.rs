//! Pages of search results.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    limits::{PAGE, PAGE_MAX},
    problem::Problem,
};

/// Which page is asked for.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
pub(crate) struct PageAsked {
    /// The `next_token` of the page before.
    #[serde(default)]
    pub(crate) token: Option<String>,
    /// How many results; 100 unless said, at most 1,000.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 1000)]
    pub(crate) limit: Option<usize>,
}

impl PageAsked {
    /// How many results, within the limits.
    pub(crate) fn limit(&self) -> Result<usize, Problem> {
        match self.limit {
            Some(0) => Err(Problem::bad_request("invalid_page", "`page.limit` is at least 1")),
            limit => Ok(limit.unwrap_or(PAGE).min(PAGE_MAX)),
        }
    }

    /// The token, if it is not that of the first page.
    pub(crate) fn token(&self) -> Option<&str> {
        self.token.as_deref().filter(|token| !token.is_empty())
    }
}

/// Where the next page begins.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Page {
    /// Send it as `page.token`; empty at the end.
    pub(crate) next_token: String,
    /// How many results are on this page.
    pub(crate) count: usize,
}

/// One page of a search.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Found<T: ToSchema> {
    /// First, so that a reader knows before the results whether there are more.
    pub(crate) page: Page,
    /// What was found.
    pub(crate) results: Vec<T>,
}

impl<T: ToSchema> Found<T> {
    /// Cuts a page out of a short list, by number.
    pub(crate) fn cut(all: Vec<T>, asked: &PageAsked) -> Result<Self, Problem> {
        let invalid =
            |_| Problem::bad_request("invalid_page", "`page.token` is not one of this search");
        let from: usize = asked.token().map_or(Ok(0), str::parse).map_err(invalid)?;
        let limit = asked.limit()?;
        let total = all.len();
        let results: Vec<T> = all.into_iter().skip(from).take(limit).collect();
        let through = from.saturating_add(results.len());
        let next_token = if through < total { through.to_string() } else { String::new() };
        Ok(Self { page: Page { next_token, count: results.len() }, results })
    }
}
