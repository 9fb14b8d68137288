//! Texts of the pages for operators.

use sayso_consent::sink::Mode;

use crate::console::{Alert, CanaryView, SystemState};

/// Texts of the pages for operators.
pub(crate) struct Console {
    pub(crate) title: &'static str,
    pub(crate) heading: &'static str,
    pub(crate) all_well: &'static str,
    pub(crate) catching_up: &'static str,
    pub(crate) at_risk: &'static str,
    pub(crate) not_all: &'static str,
    pub(crate) alerts: &'static str,
    pub(crate) alert: fn(&Alert) -> String,
    pub(crate) head: &'static str,
    pub(crate) head_at: &'static str,
    pub(crate) head_empty: &'static str,
    pub(crate) root: &'static str,
    pub(crate) people: &'static str,
    pub(crate) choices_now: &'static str,
    pub(crate) choices_unit: &'static str,
    pub(crate) chart: &'static str,
    pub(crate) chart_label: fn(u64, u64) -> String,
    pub(crate) chart_most: &'static str,
    pub(crate) chart_total: &'static str,
    pub(crate) chart_table: &'static str,
    pub(crate) minute: &'static str,
    pub(crate) choices: &'static str,
    pub(crate) systems: &'static str,
    pub(crate) systems_empty: &'static str,
    pub(crate) state: fn(SystemState) -> &'static str,
    pub(crate) lag: &'static str,
    pub(crate) oldest: &'static str,
    pub(crate) overdue: &'static str,
    pub(crate) parked: &'static str,
    pub(crate) delivered: &'static str,
    pub(crate) last_error: &'static str,
    pub(crate) people_unit: fn(u64) -> &'static str,
    pub(crate) parked_unit: fn(u64) -> &'static str,
    pub(crate) reasons: &'static str,
    pub(crate) none: &'static str,
    pub(crate) told_by: &'static str,
    pub(crate) read_back: &'static str,
    pub(crate) never: &'static str,
    pub(crate) compared: fn(u64, u64) -> String,
    pub(crate) canary: &'static str,
    pub(crate) canary_said: fn(CanaryView) -> String,
    pub(crate) unresolved: &'static str,
    pub(crate) excepted: &'static str,
    pub(crate) backfill: &'static str,
    pub(crate) lag_chart: &'static str,
    pub(crate) effect_chart: &'static str,
    pub(crate) bars_label: fn(u64, u64) -> String,
    pub(crate) ms: &'static str,
    pub(crate) hour: &'static str,
    pub(crate) orders: &'static str,
    pub(crate) pause: &'static str,
    pub(crate) kill: &'static str,
    pub(crate) resume: &'static str,
    pub(crate) replay: &'static str,
    pub(crate) remove: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) do_it: &'static str,
    pub(crate) mode: fn(Mode) -> &'static str,
    pub(crate) recorded: &'static str,
    pub(crate) refused: &'static str,
    pub(crate) connect: &'static str,
    pub(crate) connect_text: &'static str,
    pub(crate) recipient: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) settings: &'static str,
    pub(crate) secrets: &'static str,
    pub(crate) canary_name: &'static str,
    pub(crate) look_only: &'static str,
}

pub(super) const EN: Console = Console {
    title: "Overview",
    heading: "Is every choice being followed?",
    all_well: "Yes. Every system is in step.",
    catching_up: "Yes. Some systems are catching up, all within their time.",
    at_risk: "Yes, so far. It will not stay so unless somebody looks at this:",
    not_all: "No. Where a system is late, its use of the data is denied, except where the law or a \
              life demands it.",
    alerts: "Needs somebody now",
    alert: |alert| match alert {
        Alert::Late { system, people: 1 } => format!("{system} is late for 1 person"),
        Alert::Late { system, people } => format!("{system} is late for {people} people"),
        Alert::NotConnected { system } => {
            format!("{system} is not connected: nobody tells it what people choose")
        }
        Alert::Unreachable { system } => format!("{system} cannot be reached"),
        Alert::Parked { system, items: 1 } => format!("{system} refused 1 message; it is parked"),
        Alert::Parked { system, items } => {
            format!("{system} refused {items} messages; they are parked")
        }
        Alert::Drifted { system, people } => {
            format!("{system} held something else than it was told, for {people}; it is told again")
        }
        Alert::CanaryLost { system } => {
            format!("{system} does not obey: what its canary was told was not seen there")
        }
        Alert::NotRunning { system, reason } => {
            format!("{system} is sent only what takes something away: {reason}")
        }
        Alert::ReadOnly => {
            "The ledger cannot be written. Withdrawals are in force but not yet stored.".into()
        }
    },
    head: "Head of the ledger",
    head_at: "written",
    head_empty: "nothing written yet",
    root: "Root",
    people: "People",
    choices_now: "Right now",
    choices_unit: "choices a minute",
    chart: "Choices in the last hour",
    chart_label: |most, total| {
        format!(
            "Bar chart: choices for each of the last 60 minutes; {total} in all, at most {most}."
        )
    },
    chart_most: "Most in one minute",
    chart_total: "in all",
    chart_table: "Show as a table",
    minute: "Minute",
    choices: "Choices",
    systems: "Systems",
    systems_empty: "The catalog names no system to tell.",
    state: |state| match state {
        SystemState::InStep => "in step",
        SystemState::Behind => "behind",
        SystemState::Unreachable => "cannot be reached",
        SystemState::Late => "late",
        SystemState::NotConnected => "not connected",
    },
    lag: "Waiting",
    oldest: "Oldest",
    overdue: "Overdue",
    parked: "Parked",
    delivered: "Delivered",
    last_error: "Last error",
    people_unit: |count| if count == 1 { "person" } else { "people" },
    parked_unit: |count| if count == 1 { "message" } else { "messages" },
    reasons: "Why they are parked",
    none: "none",
    told_by: "Told by",
    read_back: "Read back",
    never: "cannot be",
    compared: |people, drifted| match drifted {
        0 => format!("{people} people, all as they were told"),
        drifted => format!("{people} people, {drifted} not as they were told"),
    },
    canary: "Canary",
    canary_said: |canary| match canary {
        CanaryView::Seen(ms) => format!("seen after {ms} ms"),
        CanaryView::Lost => "not seen".to_owned(),
        CanaryView::Awaited => "awaited".to_owned(),
    },
    unresolved: "Name unknown",
    excepted: "Accepted",
    backfill: "Being told from the beginning",
    lag_chart: "Waiting, most in each minute",
    effect_chart: "Time to effect, 99 of 100, in ms",
    bars_label: |now, most| format!("Bar chart of the last 60 minutes; {now} now, at most {most}."),
    ms: "ms",
    hour: "The last hour",
    orders: "Change how it is told",
    pause: "Pause: send only what takes something away",
    kill: "Kill: only that, and nothing else",
    resume: "Run: send everything",
    replay: "Tell it everything again",
    remove: "Remove: tell it nothing any more",
    reason: "Why",
    do_it: "Do it",
    mode: |mode| match mode {
        Mode::Running => "running",
        Mode::Paused => "paused",
        Mode::Killed => "killed",
    },
    recorded: "Done. It is on the ledger at",
    refused: "Not done:",
    connect: "Connect a system",
    connect_text: "The system is looked at first; then everybody it knows is told. What is secret is \
                   sealed and never shown again.",
    recipient: "Recipient",
    kind: "Kind",
    settings: "Settings, as JSON",
    secrets: "Secrets, as JSON",
    canary_name: "Canary: somebody made up, whom the system knows by this name (or none)",
    look_only: "Only look",
};

pub(super) const DE: Console = Console {
    title: "Übersicht",
    heading: "Wird jede Entscheidung befolgt?",
    all_well: "Ja. Jedes System ist auf dem Stand.",
    catching_up: "Ja. Einige Systeme holen noch auf, alle in ihrer Frist.",
    at_risk: "Ja, bisher. Es bleibt nicht dabei, wenn niemand sich darum kümmert:",
    not_all: "Nein. Wo ein System verspätet ist, wird ihm die Nutzung der Daten verweigert, \
              außer wo das Gesetz oder ein Leben es verlangt.",
    alerts: "Hier wird jetzt jemand gebraucht",
    alert: |alert| match alert {
        Alert::Late { system, people: 1 } => format!("{system} ist für 1 Person verspätet"),
        Alert::Late { system, people } => format!("{system} ist für {people} Personen verspätet"),
        Alert::NotConnected { system } => {
            format!("{system} ist nicht verbunden: niemand sagt ihm, was Menschen entscheiden")
        }
        Alert::Unreachable { system } => format!("{system} ist nicht zu erreichen"),
        Alert::Parked { system, items: 1 } => {
            format!("{system} hat 1 Nachricht abgelehnt; sie liegt bereit")
        }
        Alert::Parked { system, items } => {
            format!("{system} hat {items} Nachrichten abgelehnt; sie liegen bereit")
        }
        Alert::Drifted { system, people } => {
            format!(
                "{system} hatte etwas anderes als gemeldet, für {people}; es wird erneut benachrichtigt"
            )
        }
        Alert::CanaryLost { system } => {
            format!(
                "{system} gehorcht nicht: was seinem Kanarienvogel gesagt wurde, war dort nicht zu sehen"
            )
        }
        Alert::NotRunning { system, reason } => {
            format!("{system} erfährt nur, was etwas wegnimmt: {reason}")
        }
        Alert::ReadOnly => {
            "Das Protokoll kann nicht geschrieben werden. Widerrufe gelten, sind aber noch nicht \
             gespeichert."
                .into()
        }
    },
    head: "Kopf des Protokolls",
    head_at: "geschrieben",
    head_empty: "noch nichts geschrieben",
    root: "Wurzel",
    people: "Personen",
    choices_now: "Gerade jetzt",
    choices_unit: "Entscheidungen pro Minute",
    chart: "Entscheidungen in der letzten Stunde",
    chart_label: |most, total| {
        format!(
            "Balkendiagramm: Entscheidungen in jeder der letzten 60 Minuten; {total} insgesamt, \
             höchstens {most}."
        )
    },
    chart_most: "Höchstens in einer Minute",
    chart_total: "insgesamt",
    chart_table: "Als Tabelle zeigen",
    minute: "Minute",
    choices: "Entscheidungen",
    systems: "Systeme",
    systems_empty: "Der Katalog nennt kein System, das zu benachrichtigen wäre.",
    state: |state| match state {
        SystemState::InStep => "auf dem Stand",
        SystemState::Behind => "im Rückstand",
        SystemState::Unreachable => "nicht zu erreichen",
        SystemState::Late => "verspätet",
        SystemState::NotConnected => "nicht verbunden",
    },
    lag: "Wartend",
    oldest: "Älteste",
    overdue: "Überfällig",
    parked: "Abgelehnt",
    delivered: "Zugestellt",
    last_error: "Letzter Fehler",
    people_unit: |count| if count == 1 { "Person" } else { "Personen" },
    parked_unit: |count| if count == 1 { "Nachricht" } else { "Nachrichten" },
    reasons: "Warum sie abgelehnt wurden",
    none: "keiner",
    told_by: "Benachrichtigt per",
    read_back: "Nachgesehen",
    never: "nicht möglich",
    compared: |people, drifted| match drifted {
        0 => format!("{people} Personen, alle wie gemeldet"),
        drifted => format!("{people} Personen, {drifted} nicht wie gemeldet"),
    },
    canary: "Kanarienvogel",
    canary_said: |canary| match canary {
        CanaryView::Seen(ms) => format!("gesehen nach {ms} ms"),
        CanaryView::Lost => "nicht gesehen".to_owned(),
        CanaryView::Awaited => "erwartet".to_owned(),
    },
    unresolved: "Name unbekannt",
    excepted: "Hingenommen",
    backfill: "Wird von Anfang an benachrichtigt",
    lag_chart: "Wartend, höchstens je Minute",
    effect_chart: "Zeit bis zur Wirkung, 99 von 100, in ms",
    bars_label: |now, most| {
        format!("Balkendiagramm der letzten 60 Minuten; {now} jetzt, höchstens {most}.")
    },
    ms: "ms",
    hour: "Die letzte Stunde",
    orders: "Ändern, wie es benachrichtigt wird",
    pause: "Pause: nur senden, was etwas wegnimmt",
    kill: "Abschalten: nur das und sonst nichts",
    resume: "Laufen: alles senden",
    replay: "Alles erneut melden",
    remove: "Entfernen: nichts mehr melden",
    reason: "Warum",
    do_it: "Ausführen",
    mode: |mode| match mode {
        Mode::Running => "läuft",
        Mode::Paused => "pausiert",
        Mode::Killed => "abgeschaltet",
    },
    recorded: "Erledigt. Es steht im Protokoll bei",
    refused: "Nicht erledigt:",
    connect: "Ein System verbinden",
    connect_text: "Das System wird zuerst angesehen; dann wird jeder gemeldet, den es kennt. Geheimes \
                   wird versiegelt und nie wieder gezeigt.",
    recipient: "Empfänger",
    kind: "Art",
    settings: "Einstellungen, als JSON",
    secrets: "Geheimes, als JSON",
    canary_name: "Kanarienvogel: jemand Erfundenes, den das System unter diesem Namen kennt (oder keiner)",
    look_only: "Nur ansehen",
};
