//! From nothing to a replica that answers: started from what its server has saved, beside following
//! the whole ledger. Both ask the server's own handlers, without sockets.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use axum::{
    Router,
    body::Body,
    http::{Request, header::AUTHORIZATION},
    response::Response,
};
use http_body_util::BodyExt;
use sayso_api::Replica;
use sayso_consent::{Entry, Position, Timestamp};
use sayso_ledger::{
    Clock,
    image::{Taking, form},
    keys::LookupKey,
};
use serde::Deserialize;
use tower::ServiceExt;

use crate::{
    Settings,
    decide::words,
    report::Row,
    rounds::{Contender, Sample, interleave},
    serve,
    world::{self, World},
};

/// How long a lease lasts that nobody waits for, in milliseconds.
const LEASE_MS: i64 = 60_000;
/// How many people are brought over at a time.
const PEOPLE_AT_ONCE: usize = 20_000;

#[derive(Deserialize)]
struct Tail {
    entries: Vec<Entry>,
    head: Position,
    at: Timestamp,
    lookup_key: Option<String>,
    through: Position,
    chain: String,
    epoch: String,
    told: Position,
}

impl Tail {
    /// The question that goes on from here.
    fn next(&self) -> String {
        let Self { through, chain, epoch, told, .. } = self;
        format!("?after={through}&chain={chain}&epoch={epoch}&told={told}")
    }
}

/// Somebody who asks a server.
struct Asker {
    server: Router,
    key: String,
}

impl Asker {
    async fn get(&self, path: &str) -> Result<Response> {
        let request = Request::get(path).header(AUTHORIZATION, format!("Bearer {}", self.key));
        let answer = self.server.clone().oneshot(request.body(Body::empty())?).await?;
        ensure!(answer.status().is_success(), "{path} answered {}", answer.status());
        Ok(answer)
    }

    async fn tail(&self, place: &str) -> Result<Tail> {
        let answer = self.get(&format!("/v1/log/tail{place}")).await?;
        Ok(serde_json::from_slice(&answer.into_body().collect().await?.to_bytes())?)
    }

    /// A replica that has caught up.
    async fn start(&self, is_given: bool) -> Result<()> {
        let replica = Replica::new(Clock::system(), "http://localhost".into(), LEASE_MS);
        let (mut place, mut following) = (String::new(), None);
        if is_given {
            let mut taking = Taking::new(tempfile::tempfile()?, &sayso_api::digest(&self.key));
            let mut body =
                self.get(&format!("/v1/log/snapshot?form={}", form())).await?.into_body();
            while let Some(frame) = body.frame().await {
                taking.take(&frame?.into_data().unwrap_or_default())?;
            }
            let given = taking.finish()?;
            let (through, chain) = (given.place.through.position, given.place.through.chain);
            let (epoch, told) = (&given.place.epoch, given.place.told);
            let chain = chain.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            place = format!("?after={through}&chain={chain}&epoch={epoch}&told={told}");
            following = Some(replica.take_up(given));
        }
        loop {
            let asked = replica.moment();
            let tail = self.tail(&place).await?;
            let following = match (&mut following, &tail.lookup_key) {
                (Some(following), _) => following,
                (begun, Some(key)) => begun.insert(replica.begin(LookupKey::from_hex(key)?)),
                (None, None) => anyhow::bail!("there is no key to begin with"),
            };
            following.apply(&tail.entries, tail.through, tail.at)?;
            replica.heard(following, asked, tail.head);
            place = tail.next();
            if replica.lease_ms().is_some() {
                return Ok(());
            }
        }
    }
}

/// Measures it.
pub(crate) fn rows(settings: &Settings, rows: &mut Vec<Row>) -> Result<()> {
    let people = settings.either(2_000, 1_000_000);
    let world = World::on_disk(&settings.dir)?;
    let runtime = serve::runtime("replica")?;
    let key = runtime.block_on(async {
        world.apply_catalog().await?;
        let mut all = hearth::people(world::SEED, people);
        loop {
            let some: Vec<_> = all.by_ref().take(PEOPLE_AT_ONCE).collect();
            let lines = some.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
            if lines.is_empty() {
                break;
            }
            world.import(&lines).await?;
        }
        world.key(&["follow"], None).await
    })?;
    world.app.ledger.save().context("it cannot be saved")?;
    let asker = Asker { server: world.router(), key };
    let start = |is_given: bool| -> Result<Sample> {
        let begun = Instant::now();
        runtime.block_on(asker.start(is_given))?;
        let latencies = vec![begun.elapsed().as_nanos() as u64];
        Ok(Sample { count: 1, seconds: begun.elapsed().as_secs_f64(), latencies, cpu: None })
    };
    let mut contenders: [Contender; 2] = [Box::new(|| start(true)), Box::new(|| start(false))];
    let all = interleave(settings.either(3, 2), &mut contenders)?;
    let size = words(people as u64);
    rows.push(
        Row::waited(format!("a replica, {size}, from what its server saved"), &all[0])
            .beside(all[0].speed_of(&all[1]), "faster than following the ledger"),
    );
    rows.push(Row::waited(format!("a replica, {size}, following the ledger"), &all[1]));
    Ok(())
}
