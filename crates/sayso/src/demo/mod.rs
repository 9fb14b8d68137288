//! `sayso demo`: the whole loop on one machine, with the sample company.

mod broker;
mod sinks;
mod start;
mod systems;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Value, json};

use crate::{
    cli::Global,
    client::Client,
    commands::serve::listen,
    config::{self, LogFormat},
    home::Home,
    output::{Output, field},
    server::{self, Behind},
};
use broker::Broker;
use systems::{SYSTEMS, Systems};

pub(crate) use systems::system;

/// The sample customer.
const ANA: &str = "email:ana@example.org";
/// How long the demo's links can be opened, in seconds.
const LINK_SECONDS: u32 = 24 * 3_600;

/// Starts a sample company: its catalog, its customers, the server, and four systems of its own as
/// separate processes. Ctrl-C ends all of it; started again in the same folder it goes on.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(
    after_help = "While it runs, in another terminal and in the same folder:\n  sayso demo stop mailer     one system goes down; what is chosen then is late after 15 seconds\n  sayso demo start mailer    it comes back and catches up\n\nIts files are in `./sayso-demo` unless `--dir` names another folder, some 200 MB with 10,000\ncustomers; delete the folder to be rid of it. With `--dir FOLDER`, say it to `stop` and `start` too."
)]
pub(crate) struct DemoArgs {
    #[command(subcommand)]
    command: Option<DemoCommand>,
    /// The port of the server
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Without anything that needs a server: the service cloud is told by webhook instead of NATS
    #[arg(long)]
    embedded: bool,
    /// How many customers to begin with
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    people: u32,
    /// The customers are made from it: the same seed, the same customers
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Debug, Subcommand)]
enum DemoCommand {
    /// Stop one of the systems of a demo that runs
    Stop {
        #[arg(value_parser = SYSTEMS)]
        system: String,
    },
    /// Start it again
    Start {
        #[arg(value_parser = SYSTEMS)]
        system: String,
    },
}

/// The folder of the demo, unless another is named.
fn folder(global: &Global) -> PathBuf {
    global.dir.clone().unwrap_or_else(|| "sayso-demo".into())
}

pub(crate) async fn run(global: &Global, args: DemoArgs) -> Result<()> {
    let dir = folder(global);
    let out = Output { json: global.json };
    match &args.command {
        Some(DemoCommand::Stop { system }) => return systems::ask(&dir, system, false, out),
        Some(DemoCommand::Start { system }) => return systems::ask(&dir, system, true, out),
        None => {}
    }
    server::log("warn,sayso_ledger=error", LogFormat::Text);
    let listener = listen(([127, 0, 0, 1], args.port).into()).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let home = Home::new(Some(dir.clone()), None)?;
    if !home.exists() {
        crate::commands::init::make(&home, global).await?;
    }
    let shown = dir.display();
    let opened = home.open(global.clock(), url.clone())?;
    let opened = opened.with_context(|| format!("a demo runs in `{shown}` already"))?;
    home.note_running(&url)?;
    let app = Arc::clone(&opened.app);
    let client = Client::local(opened);
    start::apply_catalog(&client).await?;
    let keys = start::keys(&client, &home).await?;
    let serving = tokio::spawn(server::serve(listener, Arc::clone(&app), std::future::pending()));
    let broker = match args.embedded {
        true => None,
        false => Broker::start(&home, out).await?,
    };
    let systems = Systems::start(&home, &app, &url, &keys, broker)?;
    declare(&client, &systems.sinks(&home)).await?;
    let behind = Behind::start(&app, &config::Config::default())?;
    let ready = async {
        start::import(&client, args.seed, args.people as usize).await?;
        start::settle(&app).await?;
        greet(&client, &home, &url, &keys, &systems, out).await
    };
    // Whatever is under way, Ctrl-C ends it. Waited for from here to the end: one that comes
    // while nobody waits is lost.
    let mut ending = pin!(server::asked_to_end());
    let done = tokio::select! {
        ready = ready => match ready {
            Ok(()) => watch(systems, ending, out).await,
            Err(error) => Err(error),
        },
        () = &mut ending => Ok(()),
    };
    behind.stop().await;
    serving.abort();
    home.note_stopped();
    out.note(format!("Stopped. Start again with the same folder to go on: {shown}"));
    done
}

/// Looks after the systems until Ctrl-C.
async fn watch(
    mut systems: Systems,
    mut ending: Pin<&mut impl Future<Output = ()>>,
    out: Output,
) -> Result<()> {
    loop {
        tokio::select! {
            () = &mut ending => return systems.stop().await,
            () = tokio::time::sleep(Duration::from_millis(200)) => systems.look_after(out)?,
        }
    }
}

/// Declares how each system is told. Ports are others at every start.
async fn declare(client: &Client, sinks: &[(&str, Value)]) -> Result<()> {
    for (name, sink) in sinks {
        client.json(Method::PUT, &format!("/v1/sinks/{name}"), sink).await?;
    }
    Ok(())
}

async fn greet(
    client: &Client,
    home: &Home,
    url: &str,
    keys: &BTreeMap<String, String>,
    systems: &Systems,
    out: Output,
) -> Result<()> {
    let subject = client.subject(ANA).await?;
    let link_body = json!({"life_seconds": LINK_SECONDS});
    let link = client.post(&format!("/v1/subjects/{subject}/links"), &link_body).await?;
    let link = field(&link, "link");
    let admin_key = home.admin_key().context("`admin.key` is missing from the folder")?;
    if out.json {
        let sample = json!({"subject": subject, "identifier": ANA, "link": link});
        return out.line(json!({
            "url": url, "admin_key": admin_key, "recipient_keys": keys, "sample": sample,
        }));
    }
    let overview = client.post("/v1/operator-links", &json!({})).await?;
    let key = keys.get("mailer").cloned().unwrap_or_default();
    out.line(text(url, &link, &field(&overview, "link"), &key, home.dir(), systems))
}

fn text(url: &str, link: &str, overview: &str, key: &str, dir: &Path, systems: &Systems) -> String {
    let running: String = systems
        .ports()
        .map(|(name, port)| format!("    {name:14} http://127.0.0.1:{port}/\n"))
        .collect();
    let called = systems::called(dir);
    let question: Value = json!({
        "subject": {"type": "recipient", "id": "mailer"},
        "action": {"name": "marketing.offers"},
        "resource": {"type": "contact.email", "id": ANA},
        "context": {"channel": "email"},
    });
    format!(
        "\nHearth is running.\n\n  Ana's page (opens once)      {link}\n  The overview (opens once)    {overview}\n  \
         The API                      {url}/docs\n\n  Its systems, each a process with its own customers:\n{running}\n\
         May the mailer send Ana offers by e-mail?\n\n  curl -s {url}/access/v1/evaluation \\\n    \
         -H 'Authorization: Bearer {key}' \\\n    -H 'Content-Type: application/json' \\\n    -d '{question}'\n\n\
         Untick \"Offers by e-mail\" on her page, save, and ask again. Then, in another terminal:\n\n  \
         {called} demo stop mailer\n      stop it, then change a box and save: after 15 seconds her page says who is late,\n      \
         and that its use of the data is denied meanwhile, except where the law or a life demands it\n  \
         {called} demo start mailer\n      it catches up, and the page says so\n  \
         {called} subject link {ANA}\n      another link to her page\n  \
         {called} overview\n      another link to the overview\n\nCtrl-C ends all of it."
    )
}
