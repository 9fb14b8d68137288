//! Every choice arrives: at four systems, through their errors, time-outs, resets and restarts, and
//! through the kills of Sayso itself. In the end each holds everybody's last word, and on the way
//! none applied an older word over a newer one.
//!
//! `SAYSO_DELIVERIES` says how many messages have to arrive meanwhile; `SAYSO_SEED` begins with the
//! same dice.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use sayso_consent::Timestamp;
use tokio::{process::Child, time::sleep};

use crate::{
    crash_systems::{Company, identifier},
    faults_choosers::Choosers,
    faults_held::Habit,
    faults_receiver::{Receiver, TIMEOUT_MS},
    faults_servers::{Holding, Servers},
    world::{Caller, Dice, done, json},
};

/// The promise: how long after the last fault everything is everywhere.
const PROMISE: Duration = Duration::from_secs(60);

/// How big a test is.
struct Size {
    people: usize,
    deliveries: u64,
    habit: Habit,
    has_servers: bool,
    patience: Duration,
}

/// What became of a test.
#[derive(Debug, Default)]
struct Verdict {
    deliveries: u64,
    /// Everything that is not as it should be; empty if all is well.
    wrong: Vec<String>,
    backwards: usize,
}

fn number_of(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_choice_arrives_through_faults() {
    let size = Size {
        people: 2_000,
        deliveries: number_of("SAYSO_DELIVERIES", 100_000),
        habit: Habit::Right,
        has_servers: true,
        patience: PROMISE,
    };
    let verdict = through_faults(&size).await;
    assert!(verdict.deliveries >= size.deliveries, "{verdict:?}");
    assert_eq!(verdict.wrong, Vec::<String>::new());
    assert_eq!(verdict.backwards, 0, "applied out of order");
}

/// Were a system to lose something or to apply it out of order, this test would see it.
#[tokio::test(flavor = "multi_thread")]
async fn a_system_that_forgets_or_takes_the_old_is_found() {
    let planted = |habit| Size {
        people: 60,
        deliveries: 3_000,
        habit,
        has_servers: false,
        patience: Duration::from_secs(12),
    };
    let forgetful = through_faults(&planted(Habit::Forgets)).await;
    assert!(!forgetful.wrong.is_empty(), "{forgetful:?}");
    let careless = through_faults(&planted(Habit::TakesTheOld)).await;
    assert!(careless.backwards > 0, "{careless:?}");
}

/// Everything that takes part.
struct Stage {
    company: Company,
    administrator: Caller,
    receiver: Arc<Receiver>,
    servers: Servers,
    choosers: Arc<Choosers>,
    dice: Dice,
    kills: HashMap<&'static str, u64>,
}

async fn through_faults(size: &Size) -> Verdict {
    let seed = number_of("SAYSO_SEED", u64::from(std::process::id()));
    eprintln!("SAYSO_SEED={seed}");
    let begun = Instant::now();
    let mut stage = Stage::set(size, seed).await;
    let mut choosing = stage.choosers.begin();
    let mut server = stage.company.serve();
    loop {
        stage.company.is_ready(&mut server).await;
        assert!(choosing.try_join_next().is_none(), "a chooser gave up: {}", stage.company.log());
        let pause = 1_500 + stage.dice.below(3_500);
        sleep(Duration::from_millis(pause)).await;
        let deliveries = stage.deliveries().await;
        eprintln!("{deliveries} deliveries after {:.1?}", begun.elapsed());
        if deliveries >= size.deliveries {
            break;
        }
        server = stage.kill_some(server).await;
    }
    stage.choosers.stop();
    // The last fault is the worst: everything at once.
    server.kill().await.unwrap();
    let killed: Vec<&str> = stage.kill_servers(|_| true);
    let last_fault = Instant::now();
    stage.receiver.calm();
    server = stage.company.serve();
    killed.iter().for_each(|which| stage.servers.revive(which));
    stage.company.is_ready(&mut server).await;
    while let Some(ended) = choosing.join_next().await {
        ended.unwrap();
    }
    let mut verdict = stage.converge(last_fault, size.patience).await;
    if verdict.wrong.is_empty() {
        stage.read_back().await;
    }
    verdict.deliveries = stage.deliveries().await;
    stage.tell(&verdict, begun.elapsed());
    server.kill().await.unwrap();
    verdict
}

impl Stage {
    async fn set(size: &Size, seed: u64) -> Self {
        let company = Company::alone(size.people).await;
        let mut dice = Dice(seed);
        let administrator = key(&company, "administer", None).await;
        let mailer = key(&company, "report", Some("mailer")).await;
        let receiver = Receiver::start(size.habit, dice.next(), mailer).await;
        let url = format!("url=http://127.0.0.1:{}/hook", receiver.port);
        let timeout = format!("timeout_ms={TIMEOUT_MS}");
        let mut args = vec!["sink", "add", "mailer", "webhook", "--unchecked"];
        let settings = [url.as_str(), "allow_private=true", &timeout, "batch_max=50", "at_once=8"];
        settings.iter().for_each(|setting| args.extend(["--set", setting]));
        done(&company.dir(), &args).await;
        let servers = match size.has_servers {
            true => {
                let cloud = key(&company, "report", Some("service-cloud")).await;
                Servers::start(&company, &cloud).await
            }
            false => Servers::default(),
        };
        let choosers = Choosers::new(&company.caller, &company.people);
        let kills = HashMap::new();
        Self { company, administrator, receiver, servers, choosers, dice, kills }
    }

    async fn deliveries(&mut self) -> u64 {
        let counted = self.servers.count().await.into_values().sum::<u64>();
        counted + self.receiver.received.load(Ordering::Relaxed)
    }

    /// Ends Sayso and perhaps some of the servers, and starts them again, in any order.
    async fn kill_some(&mut self, mut server: Child) -> Child {
        let thrown = self.dice.next();
        let wanted = |place: usize| (thrown >> (2 * place)) & 3 == 0;
        let killed = self.kill_servers(wanted);
        sleep(Duration::from_millis(self.dice.below(300))).await;
        server.kill().await.unwrap();
        *self.kills.entry("sayso").or_default() += 1;
        sleep(Duration::from_millis(self.dice.below(300))).await;
        let server = self.company.serve();
        sleep(Duration::from_millis(self.dice.below(1_500))).await;
        killed.iter().for_each(|which| self.servers.revive(which));
        server
    }

    fn kill_servers(&mut self, is_wanted: impl Fn(usize) -> bool) -> Vec<&'static str> {
        let all = self.servers.recipients().into_iter().enumerate();
        let wanted = all.filter(|(place, _)| is_wanted(*place)).map(|(_, which)| which);
        let killed: Vec<&str> = wanted.filter(|which| self.servers.kill(which)).collect();
        killed.iter().for_each(|which| *self.kills.entry(which).or_default() += 1);
        killed
    }

    /// Waits until every system holds everybody's last word and has said so, or time is up.
    async fn converge(&self, last_fault: Instant, patience: Duration) -> Verdict {
        loop {
            let mut verdict = self.judge().await;
            if verdict.wrong.is_empty() {
                eprintln!("converged {:.1?} after the last fault", last_fault.elapsed());
                return verdict;
            }
            if last_fault.elapsed() > patience {
                verdict.wrong.truncate(20);
                self.explain(&verdict.wrong).await;
                return verdict;
            }
            sleep(Duration::from_millis(250)).await;
        }
    }

    /// What Sayso says of the first person who is not told rightly, and of those who are owed
    /// something still.
    async fn explain(&self, wrong: &[String]) {
        for subject in &self.company.people {
            let effects = self.administrator.get(&format!("/v1/subjects/{subject}/effects")).await;
            if effects["is_settled"] != true {
                let path = format!("/v1/subjects/{subject}/history?limit=8");
                eprintln!("{subject}: {effects} {}", self.administrator.get(&path).await);
            }
        }
        eprintln!("read by the stream's reader: {:?}", self.servers.newest());
        let Some(name) = wrong.iter().find_map(|own| own.strip_prefix("mailer: ")) else { return };
        let name = name.split_once(": ").unwrap().0;
        let number = name.trim_start_matches("email:p").split('@').next().unwrap();
        let subject = &self.company.people[number.parse::<usize>().unwrap()];
        for what in ["history?limit=8", "effects"] {
            let said = self.administrator.get(&format!("/v1/subjects/{subject}/{what}")).await;
            eprintln!("{name}: {what}: {said}");
        }
        eprintln!("{}", self.company.log());
    }

    async fn judge(&self) -> Verdict {
        let mut verdict = Verdict::default();
        let told = [vec!["mailer"], self.servers.recipients()].concat();
        for system in self.administrator.get("/v1/systems").await.as_array().unwrap() {
            let is_told = told.iter().any(|name| system["recipient"] == **name);
            let owes = ["unapplied", "overdue"].iter().any(|owed| system[owed] != 0);
            if is_told && (owes || system["is_connected"] != true) {
                verdict.wrong.push(format!("{system}"));
            }
        }
        let words = self.choosers.words();
        for holding in self.holdings().await {
            verdict.backwards += holding.backwards;
            verdict.wrong.extend(differences(&holding, &words));
        }
        verdict
    }

    async fn holdings(&self) -> Vec<Holding> {
        let mailer = {
            let held = self.receiver.held.lock().unwrap();
            let (allowed, backwards) = (held.allowed(), held.backwards());
            Holding { recipient: "mailer", namespace: "email", allowed, backwards }
        };
        let mut all = vec![mailer];
        all.extend(self.servers.holdings(self.company.people.len()).await);
        all
    }

    /// What Sayso sees when it reads the systems back once more: that nobody drifted. Alone the stream,
    /// once killed, may lack what its reader had applied: that is found and told again first.
    async fn read_back(&self) {
        let since = sayso_ledger::Clock::system().at();
        for recipient in self.servers.recipients() {
            let begun = Instant::now();
            let compared = loop {
                let sinks = self.administrator.get("/v1/sinks").await;
                let mut own = sinks.as_array().unwrap().iter();
                let own = own.find(|own| own["recipient"] == recipient).unwrap();
                let at = own["compared"]["at"].as_str().map(|at| at.parse::<Timestamp>().unwrap());
                let is_mended = recipient != "service-cloud" || own["compared"]["drifted"] == 0;
                if at.is_some_and(|at| at > since) && is_mended {
                    break own["compared"].clone();
                }
                // It rests twenty times as long as a reading takes: no promise is about that.
                assert!(begun.elapsed() < 3 * PROMISE, "{recipient} is not read back: {own}");
                sleep(Duration::from_millis(250)).await;
            };
            assert_eq!(compared["drifted"], 0, "{recipient}: {compared}");
            assert_eq!(compared["people"], self.company.people.len(), "{recipient}: {compared}");
        }
    }

    fn tell(&self, verdict: &Verdict, took: Duration) {
        let choices = self.choosers.acknowledged.load(Ordering::Relaxed);
        let held = self.receiver.held.lock().unwrap();
        eprintln!(
            "{} deliveries of {choices} choices in {took:.1?}: {} at the receiver, {:?}",
            verdict.deliveries,
            self.receiver.received.load(Ordering::Relaxed),
            self.servers.counted,
        );
        eprintln!(
            "faults: {:?}; kills: {:?}; old or twice, and left: {} at the receiver, {} in the stream",
            self.receiver.faults(),
            self.kills,
            held.stale,
            self.servers.stale(),
        );
    }
}

fn differences(holding: &Holding, words: &[Option<bool>]) -> Vec<String> {
    let differs = |(number, word): (usize, &Option<bool>)| {
        let name = format!("{}:{}", holding.namespace, identifier(holding.namespace, number));
        let held = holding.allowed.get(&name).copied();
        let is_right = held == Some(word.unwrap_or(false));
        (!is_right).then(|| format!("{}: {name}: {held:?}, said {word:?}", holding.recipient))
    };
    words.iter().enumerate().filter_map(differs).collect()
}

/// Somebody with a key.
async fn key(company: &Company, role: &str, recipient: Option<&str>) -> Caller {
    let mut args = vec!["key", "create", "--role", role];
    args.extend(recipient.iter().flat_map(|recipient| ["--recipient", recipient]));
    let made = json(&company.dir(), &args).await;
    company.caller.with_key(made["key"].as_str().unwrap())
}
