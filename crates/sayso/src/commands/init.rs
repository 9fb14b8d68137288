//! `sayso init`.

use anyhow::{Context, Result};
use serde_json::json;

use crate::{
    cli::Global,
    client::Client,
    home::{Home, write_private},
    output::{Output, field},
};

pub(crate) async fn run(global: &Global, out: Output) -> Result<()> {
    let home = global.home()?;
    make(&home, global).await?;
    let dir = home.dir().display().to_string();
    let next = format!("sayso --dir {dir} catalog apply catalog.yaml");
    out.value(&json!({"dir": dir, "root_key": home.file("root.key"), "admin_key": home.file("admin.key")}), |_| {
        format!(
            "Made a ledger in {dir}\n\n  root.key   the one secret; keep a copy apart from the backups\n  \
             admin.key  an API key that may do everything\n\nNext: {next}"
        )
    })
}

/// Makes a ledger with an administrator's key.
pub(crate) async fn make(home: &Home, global: &Global) -> Result<()> {
    home.create()?;
    let opened =
        home.open(global.clock(), String::new())?.context("another process holds the ledger")?;
    let client = Client::local(opened);
    let made = client
        .post("/v1/keys", &json!({"roles": ["administer"], "label": "made by `sayso init`"}))
        .await?;
    write_private(&home.file("admin.key"), field(&made, "key").as_bytes())
}
