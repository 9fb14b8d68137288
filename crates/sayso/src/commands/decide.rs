//! `sayso decide`.

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

use crate::{
    cli::Global,
    output::{Output, field},
};

/// Asks for one decision.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  sayso decide --recipient mailer --purpose marketing.offers --data contact.email \\\n    --channel email --subject email:ana@example.org"
)]
pub(crate) struct DecideArgs {
    /// Who wants to use the data
    #[arg(long)]
    recipient: String,
    /// What for
    #[arg(long)]
    purpose: String,
    /// Which category of data
    #[arg(long)]
    data: String,
    /// Whose: a subject id or `namespace:value`
    #[arg(long)]
    subject: String,
    /// How the person would be reached
    #[arg(long)]
    channel: Option<String>,
    /// From or through which device
    #[arg(long)]
    device: Option<String>,
    /// A token of a write: the answer is not from before it
    #[arg(long, value_name = "TOKEN")]
    at_least_as_fresh: Option<String>,
}

pub(crate) async fn run(global: &Global, args: DecideArgs, out: Output) -> Result<()> {
    let mut resource = json!({"type": args.data, "id": args.subject});
    if let Some(device) = args.device {
        resource["properties"] = json!({"device": device});
    }
    let mut context = json!({});
    for (name, value) in [("channel", args.channel), ("at_least_as_fresh", args.at_least_as_fresh)]
    {
        if let Some(value) = value {
            context[name] = json!(value);
        }
    }
    let question = json!({
        "subject": {"type": "recipient", "id": args.recipient},
        "action": {"name": args.purpose},
        "resource": resource,
        "context": context,
    });
    let answer = global.client()?.post("/access/v1/evaluation", &question).await?;
    out.value(&answer, show)
}

fn show(answer: &Value) -> String {
    let context = &answer["context"];
    let word = if answer["decision"] == true { "ALLOW" } else { "DENY" };
    let mut text = format!("{word}  {}\n", field(context, "reason"));
    for name in ["activity", "grant", "until", "keep_until", "obligations", "as_of", "lease"] {
        let value = field(context, name);
        if !value.is_empty() {
            text += &format!("  {name:11}  {value}\n");
        }
    }
    text
}
