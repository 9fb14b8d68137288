//! Eight systems of a company, of four kinds, all real: two take signed webhooks and two read a NATS
//! stream, each into a database of its own, and say later what they applied; two are SQLite databases
//! and two are in a Redis that Sayso writes to itself.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Instant,
};

use anyhow::{Context, Result};
use hearth::system::{System, SystemConfig};
use sayso_consent::{Id, Position, SubjectId};
use sayso_ledger::{
    deliver::Dispatcher,
    sink::{Answer, Message, Outcome, Sink, Told as Whom, Trouble},
};
use sayso_sinks::{
    open::{Secrets, open},
    webhook::{HmacSecret, SigningKey, Webhook, WebhookConfig},
};
use sayso_testkit::servers::{Nats, Redis, Server as Program};
use serde_json::json;
use tokio::{
    runtime::Runtime,
    sync::{
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
        watch,
    },
};
use zeroize::Zeroizing;

use crate::{
    serve::{self, Server},
    world::World,
};

/// The systems by the names that the sample company knows people by: the namespace, and the kind.
pub(crate) const SYSTEMS: [(&str, &str, Kind); 8] = [
    ("mailer", "email", Kind::Webhook),
    ("mailer-2", "email", Kind::Webhook),
    ("ad-partner", "ad", Kind::Nats),
    ("ad-partner-2", "ad", Kind::Nats),
    ("crm", "crm", Kind::Sqlite),
    ("crm-2", "crm", Kind::Sqlite),
    ("service-cloud", "svc", Kind::Redis),
    ("service-cloud-2", "svc", Kind::Redis),
];

/// How a system is told.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Webhook,
    Nats,
    Sqlite,
    Redis,
}

/// A message that a system has taken.
pub(crate) struct Told {
    pub(crate) system: usize,
    pub(crate) subject: SubjectId,
    pub(crate) position: Position,
    pub(crate) at: Instant,
}

/// The real sink, and a note of what was taken.
struct Noting {
    system: usize,
    inner: Arc<dyn Sink>,
    told: UnboundedSender<Told>,
}

impl Sink for Noting {
    fn deliver(&self, messages: Arc<[Message]>) -> Answer<'_, Vec<Outcome>> {
        Box::pin(async move {
            let outcomes = self.inner.deliver(Arc::clone(&messages)).await;
            let at = Instant::now();
            for (message, outcome) in messages.iter().zip(&outcomes) {
                if matches!(outcome, Outcome::Delivered | Outcome::Applied { .. }) {
                    let (subject, position) = (message.about.subject, message.position);
                    // Nobody listens any more when the measurement is over.
                    let _ = self.told.send(Told { system: self.system, subject, position, at });
                }
            }
            outcomes
        })
    }

    fn check(&self) -> Answer<'_, Result<Vec<String>, Trouble>> {
        self.inner.check()
    }

    fn pace(&self) -> sayso_ledger::sink::Pace {
        self.inner.pace()
    }
}

/// The whole of it, running. Fields are dropped in this order.
pub(crate) struct Company {
    _stop: watch::Sender<bool>,
    _systems: Runtime,
    pub(crate) server: Server,
    pub(crate) told: Option<UnboundedReceiver<Told>>,
    /// What choices are made with.
    pub(crate) key: String,
    pub(crate) world: World,
    pub(crate) nats: Program<Nats>,
    redis: Program<Redis>,
}

/// The sample company with its four systems twice.
fn catalog() -> String {
    let twins = SYSTEMS.iter().filter(|(name, ..)| name.ends_with("-2"));
    let declared = twins.map(|(name, namespace, _)| {
        format!(
            "  {name}: {{ title: {{ en: Twin, de: Zwilling }}, kind: own, country: DE, \
             namespace: {namespace}, effect_deadline: 15 seconds }}\n"
        )
    });
    let declared: String = std::iter::once("recipients:\n".to_owned()).chain(declared).collect();
    let names = SYSTEMS.map(|(name, ..)| name).join(", ");
    let four = "recipients: [mailer, crm, service-cloud, ad-partner]";
    let catalog = hearth::CATALOG.replacen("recipients:\n", &declared, 1);
    catalog.replace(four, &format!("recipients: [{names}]"))
}

impl Company {
    pub(crate) fn open(dir: &Path, folder: &Path, lines: &[String]) -> Result<Self> {
        let nats = Program::<Nats>::start()?.context("nats-server has to be installed")?;
        let redis = Program::<Redis>::start()?.context("redis-server has to be installed")?;
        let world = World::on_disk(dir)?;
        let server = Server::start("sayso", world.router())?;
        let systems = serve::runtime("systems")?;
        let (stop, stopped) = watch::channel(false);
        let (tell, told) = unbounded_channel();
        let key = systems.block_on(async {
            world.apply(&catalog()).await?;
            world.import(lines).await?;
            // What the import has to tell is told; it is not what is measured.
            world.settle().await?;
            world.key(&["record"], None).await
        })?;
        let company = Self {
            _stop: stop,
            _systems: systems,
            server,
            told: Some(told),
            key,
            world,
            nats,
            redis,
        };
        for (number, (name, _, kind)) in SYSTEMS.into_iter().enumerate() {
            let inner = company.connect(name, kind, folder)?;
            let sink = Arc::new(Noting { system: number, inner, told: tell.clone() });
            let app = &company.world.app;
            let (ledger, board) = (Arc::clone(&app.ledger), Arc::clone(&app.board));
            let dispatcher = Dispatcher::new(ledger, board, name.parse()?, sink);
            company.server.handle()?.spawn(dispatcher.run(stopped.clone()));
        }
        Ok(company)
    }

    /// Starts a system, and gives what it is told by.
    fn connect(&self, name: &str, kind: Kind, folder: &Path) -> Result<Arc<dyn Sink>> {
        let secrets = self.world.app.ledger.secrets();
        let told = Whom { recipient: name.parse()?, ledger: self.world.app.ledger.id().into() };
        let password = |login: &sayso_testkit::servers::Login| {
            Secrets::from([("password".into(), Zeroizing::new(login.password.clone()))])
        };
        Ok(match kind {
            Kind::Webhook => {
                let (system, secret) = self.hearth(name, None, folder)?;
                let url = format!("http://{}/hook", system.address());
                self._systems.spawn(system.run(std::future::pending()));
                let signing_key = SigningKey::from_seed(secrets.webhook().as_bytes());
                let (allow_private, timeout_ms) = (true, 5_000);
                let config = WebhookConfig { url, secret, signing_key, allow_private, timeout_ms };
                Arc::new(Webhook::new(config)?)
            }
            Kind::Nats => {
                let login = &self.nats.place().login;
                let address = self.nats.address();
                let url = format!("nats://{}:{}@{address}", login.name, login.password);
                let (system, _) = self.hearth(name, Some(url), folder)?;
                self._systems.spawn(system.run(std::future::pending()));
                let settings = json!({
                    "address": address, "tls": false, "allow_private": true,
                    "stream": name, "prefix": format!("sayso.{name}"), "username": login.name,
                });
                open("nats", &settings, &password(login), &told)?
            }
            Kind::Sqlite => {
                let file = folder.join(format!("{name}.db"));
                let url = format!("sqlite:{}", file.display());
                let settings = json!({"url": url, "create_tables": true});
                open("sql", &settings, &Secrets::new(), &told)?
            }
            Kind::Redis => {
                let login = &self.redis.place().login;
                let settings = json!({
                    "address": self.redis.address(), "tls": false, "allow_private": true,
                    "username": login.name,
                });
                open("redis", &settings, &password(login), &told)?
            }
        })
    }

    /// One of the sample company's own systems.
    fn hearth(
        &self,
        name: &str,
        stream: Option<String>,
        folder: &Path,
    ) -> Result<(System, HmacSecret)> {
        let recipient: Id = name.parse()?;
        let key = self._systems.block_on(self.world.key(&["decide", "report"], Some(name)))?;
        let secrets = self.world.app.ledger.secrets();
        let secret = HmacSecret::from_bytes(secrets.webhook_secret(&recipient).as_slice())?;
        let signing_key = SigningKey::from_seed(secrets.webhook().as_bytes());
        let config = SystemConfig {
            name: name.to_owned(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            database: folder.join(format!("{name}.db")),
            public_key: signing_key.public().to_string(),
            secret: secret.reveal().to_string(),
            sayso_url: format!("http://{}", self.server.address()),
            key,
            stream,
        };
        Ok((self._systems.block_on(System::bind(config))?, secret))
    }
}
