//! Texts of the frame and of more than one page.

/// Texts of the frame and of more than one page.
pub(crate) struct Everywhere {
    pub(crate) skip: &'static str,
    pub(crate) languages: &'static str,
    pub(crate) leave: &'static str,
    pub(crate) refreshes: fn(u32) -> String,
    pub(crate) stop_refreshing: &'static str,
    pub(crate) refreshing_stopped: &'static str,
    pub(crate) resume_refreshing: &'static str,
    pub(crate) as_of: &'static str,
    pub(crate) entry: &'static str,
    pub(crate) made_with: &'static str,
    /// How a moment is written, as `strftime` takes it.
    pub(crate) moment: &'static str,
    pub(crate) thousands: &'static str,
    /// Years, months, weeks, days, hours, minutes, seconds: one, many.
    pub(crate) units: [(&'static str, &'static str); 7],
    pub(crate) days: fn(i64) -> String,
    pub(crate) not_kept: &'static str,
}

pub(super) const EN: Everywhere = Everywhere {
    skip: "Skip to the content",
    languages: "Language",
    leave: "Leave",
    refreshes: |seconds| match seconds {
        1 => "This page refreshes itself every second.".into(),
        seconds => format!("This page refreshes itself every {seconds} seconds."),
    },
    stop_refreshing: "Stop refreshing",
    refreshing_stopped: "This page does not refresh itself now.",
    resume_refreshing: "Refresh again",
    as_of: "As of",
    entry: "entry",
    made_with: "Shown by Sayso. Nothing on this page follows you: no scripts, no trackers.",
    moment: "%-d %b %Y, %H:%M:%S %Z",
    thousands: ",",
    units: [
        ("year", "years"),
        ("month", "months"),
        ("week", "weeks"),
        ("day", "days"),
        ("hour", "hours"),
        ("minute", "minutes"),
        ("second", "seconds"),
    ],
    days: |days| if days == 1 { "1 day".into() } else { format!("{days} days") },
    not_kept: "not kept",
};

pub(super) const DE: Everywhere = Everywhere {
    skip: "Zum Inhalt springen",
    languages: "Sprache",
    leave: "Abmelden",
    refreshes: |seconds| match seconds {
        1 => "Diese Seite lädt sich jede Sekunde neu.".into(),
        seconds => format!("Diese Seite lädt sich alle {seconds} Sekunden neu."),
    },
    stop_refreshing: "Nicht mehr neu laden",
    refreshing_stopped: "Diese Seite lädt sich gerade nicht neu.",
    resume_refreshing: "Wieder neu laden",
    as_of: "Stand",
    entry: "Eintrag",
    made_with: "Angezeigt von Sayso. Auf dieser Seite verfolgt Sie nichts: keine Skripte, keine Tracker.",
    moment: "%d.%m.%Y, %H:%M:%S %Z",
    thousands: ".",
    units: [
        ("Jahr", "Jahre"),
        ("Monat", "Monate"),
        ("Woche", "Wochen"),
        ("Tag", "Tage"),
        ("Stunde", "Stunden"),
        ("Minute", "Minuten"),
        ("Sekunde", "Sekunden"),
    ],
    days: |days| if days == 1 { "1 Tag".into() } else { format!("{days} Tage") },
    not_kept: "wird nicht aufbewahrt",
};
