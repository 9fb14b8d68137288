//! What comes in over NATS: a durable reader of a JetStream. A message is acknowledged once it is in
//! the table, so that one that comes in a crash comes again.

use std::time::Duration;

use async_nats::{
    ConnectOptions, ServerAddr,
    jetstream::{self, AckKind, consumer::pull, stream},
};
use futures_util::StreamExt;

use super::{receive::Reader, writer::Handle};

/// How long to wait before a server that does not answer is tried again.
const PAUSE: Duration = Duration::from_millis(500);

/// Reads for as long as it runs.
pub(super) async fn read(server: &str, name: &str, reader: Reader, table: Handle) {
    loop {
        if let Err(error) = follow(server, name, &reader, &table).await {
            tracing::warn!(%error, "the stream cannot be read; trying again");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn follow(
    server: &str,
    name: &str,
    reader: &Reader,
    table: &Handle,
) -> Result<(), async_nats::Error> {
    let address: ServerAddr = server.parse()?;
    let login = address.username().zip(address.password());
    let options = match login.map(|(name, password)| (name.to_owned(), password.to_owned())) {
        Some((name, password)) => ConnectOptions::with_user_and_password(name, password),
        None => ConnectOptions::new(),
    };
    let context = jetstream::new(options.connect(address).await?);
    let config = stream::Config {
        name: name.to_owned(),
        subjects: vec![format!("sayso.{name}.>")],
        // The newest of everybody is enough to begin with, and to be read back.
        max_messages_per_subject: 1,
        ..stream::Config::default()
    };
    let stream = context.get_or_create_stream(config).await?;
    let durable = Some("hearth".to_owned());
    let config = pull::Config { durable_name: durable, ..pull::Config::default() };
    let consumer = stream.get_or_create_consumer("hearth", config).await?;
    let mut messages = consumer.messages().await?;
    while let Some(message) = messages.next().await {
        let message = message?;
        match reader.read(&message.payload) {
            Ok(change) => table.apply(change).await?,
            // It will be no better the next time.
            Err(_) => message.ack_with(AckKind::Term).await?,
        }
        message.ack().await?;
    }
    Ok(())
}
