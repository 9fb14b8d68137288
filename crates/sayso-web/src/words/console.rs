//! Texts of the pages for operators.

use crate::console::{Alert, SystemState};

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
};
