//! `sayso overview`.

use anyhow::Result;
use serde_json::json;

use crate::{
    cli::Global,
    output::{Output, field},
};

/// Prints a one-time link to the operators' page.
pub(crate) async fn run(global: &Global, out: Output) -> Result<()> {
    let client = global.client()?;
    client.expect_server()?;
    let made = client.post("/v1/operator-links", &json!({})).await?;
    out.value(&made, |made| field(made, "link"))
}
