//! The demo's pages in a real browser: `tools/browser/pages.mjs` drives it, this starts the demo.
//!
//! Where node, Chromium or the libraries are missing it is left out, with a word; with
//! `SAYSO_REQUIRE_ALL=1` that is a failure.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::process::Command;

use crate::{
    demo::Demo,
    world::{Caller, PATIENCE},
};

const CHROMIUM: &str = "/usr/bin/chromium";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The libraries that drive the browser; `None`, with a word, if something is missing.
async fn libraries() -> Option<PathBuf> {
    let named = std::env::var_os("SAYSO_NODE_MODULES").map(PathBuf::from);
    let modules = named.unwrap_or_else(|| root().join("target/node/node_modules"));
    let node = Command::new("node").arg("--version").output().await;
    let missing = if !node.is_ok_and(|said| said.status.success()) {
        "node".to_owned()
    } else if !Path::new(CHROMIUM).exists() {
        CHROMIUM.to_owned()
    } else if !modules.join("playwright-core").exists() || !modules.join("axe-core").exists() {
        format!("{}: run `cargo xtask test --only tools`", modules.display())
    } else {
        return Some(modules);
    };
    let is_required = std::env::var_os("SAYSO_REQUIRE_ALL").is_some_and(|value| value == "1");
    assert!(!is_required, "missing: {missing}");
    eprintln!("left out, missing: {missing}");
    None
}

/// One-time links for the script: a person's, one that goes by mail, and the operator's.
async fn links(admin: &Caller, subject: &str) -> Value {
    let path = format!("/v1/subjects/{subject}/links");
    let mut links = json!({});
    for name in ["phone", "desktop", "person"] {
        links[name] = admin.post(&path, &json!({"life_seconds": 3600})).await["link"].clone();
    }
    let mailed = json!({"authority": "weak", "life_seconds": 3600});
    links["mailed"] = admin.post(&path, &mailed).await["link"].clone();
    links["overview"] = admin.post("/v1/operator-links", &json!({})).await["link"].clone();
    links
}

#[tokio::test(flavor = "multi_thread")]
async fn the_story_works_without_scripts_and_everybody_can_use_the_pages() {
    let Some(modules) = libraries().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("demo");
    let demo = Demo::start(&dir).await;
    let admin = Caller::new(demo.url()).with_key(demo.ready["admin_key"].as_str().unwrap());
    let subject = demo.ready["sample"]["subject"].as_str().unwrap();
    let screenshots = root().join("target/screenshots");
    std::fs::create_dir_all(&screenshots).unwrap();
    let plan = json!({
        "url": demo.url(),
        "links": links(&admin, subject).await,
        "screenshots": screenshots,
        "chromium": CHROMIUM,
    });
    let mut driving = Command::new("node");
    driving.arg(root().join("tools/browser/pages.mjs")).arg(plan.to_string());
    driving.env("SAYSO_NODE_MODULES", modules).kill_on_drop(true);
    let ended = tokio::time::timeout(4 * PATIENCE, driving.output()).await;
    let ended = ended.expect("the browser is done in time").unwrap();
    let (out, err) =
        (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success(), "{out}\n{err}");
    let pictures = std::fs::read_dir(&screenshots).unwrap().flatten();
    let is_new = |entry: &std::fs::DirEntry| {
        let age = entry.metadata().and_then(|file| file.modified()).unwrap().elapsed();
        age.is_ok_and(|age| age < Duration::from_secs(300))
    };
    assert!(pictures.filter(is_new).count() >= 10, "{out}");
    demo.interrupt(&dir).await;
}
