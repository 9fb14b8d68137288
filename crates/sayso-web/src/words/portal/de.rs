//! German.

use sayso_consent::{
    catalog::{LegalBasis, RecipientKind},
    choice::Effect,
};

use super::Portal;
use crate::portal::{Happened, LeftOut, ProblemKind, Voice};

pub(in crate::words) const DE: Portal = Portal {
    title: "Ihre Daten, Ihre Entscheidung",
    hello: "Guten Tag.",
    heading: |organisation| format!("Sie entscheiden, was {organisation} mit Ihren Daten tun darf"),
    lead: "Setzen Sie ein Häkchen, wo Sie möchten, und nehmen Sie es weg, wo Sie nicht möchten. Es \
           gilt, sobald Sie speichern, und Sie können zusehen, wie jedes System folgt.",
    lead_weak: "Mit diesem Link können Sie nur Nein sagen: nehmen Sie das Häkchen weg, wo Sie nicht möchten. \
                Es gilt, sobald Sie speichern. Um Ja zu sagen oder zu sehen, was bisher geschah, bitten \
                Sie dort um einen Link, wo man Sie kennt.",
    summary: |yes, all| match (yes, all) {
        (0, _) => "Im Moment sagen Sie hier zu allem Nein.".into(),
        (yes, all) if yes == all => "Im Moment sagen Sie hier zu allem Ja.".into(),
        (yes, all) => format!("Im Moment sagen Sie zu {yes} von {all} Ja."),
    },
    on_this_page: "Auf dieser Seite",

    saved: "Gilt ab jetzt",
    saved_text: "Ihre Entscheidung ist festgehalten. Von diesem Moment an gilt sie für jede Frage.",
    saved_at: "Festgehalten",
    receipt_of_save: "Beleg herunterladen",
    unchanged: "Nichts geändert",
    unchanged_text: "Ihre Entscheidungen waren schon so, wie Sie sie gesendet haben. Sie gelten weiter.",
    left_out: |left_out| match left_out {
        LeftOut::Sharing => {
            "Die Weitergabe an andere wurde ausgelassen: sie gilt nur zusammen mit einem der Wege \
             darüber. Kreuzen Sie auch einen davon an und speichern Sie noch einmal."
        }
        LeftOut::Yes => {
            "Was Sie angekreuzt haben, wurde ausgelassen: mit dem Link, über den Sie gekommen \
             sind, kann man nur Nein sagen. Bitten Sie um einen neuen, um Ja zu sagen."
        }
        LeftOut::Unread => {
            "Was Sie angekreuzt haben, wurde ausgelassen: die Texte haben sich geändert, seit Sie die \
             Seite geöffnet haben. Bitte lesen Sie sie, wie sie jetzt sind, und kreuzen Sie noch \
             einmal an, was Sie möchten."
        }
        LeftOut::Refused => {
            "Was Sie angekreuzt haben, wurde ausgelassen: dieses Ja ist nur auf anderem Weg möglich. \
             Bitte schreiben Sie uns."
        }
    },
    expired: "Nichts gespeichert",
    expired_text: "Diese Seite war zu lange geöffnet, um sicher zu sein, dass Sie es sind. Bitte \
                   sehen Sie Ihre Auswahl noch einmal durch und speichern Sie erneut.",
    not_yet_durable: "Gilt ab jetzt, wird noch aufgeschrieben",
    not_yet_durable_text: "Ihr Nein zählt bereits. Unsere Aufzeichnung ist gerade langsam; wir \
                           versuchen es weiter, und Sie müssen nichts tun.",

    effects: "Was jedes System getan hat",
    effects_all: "Jedes System hat Ihre Entscheidung umgesetzt.",
    effects_some: |applied, all| {
        format!("{applied} von {all} Systemen haben Ihre Entscheidung umgesetzt.")
    },
    waiting: "wird gleich gemeldet",
    being_told: "wird gemeldet",
    told: "gemeldet",
    received: "empfangen",
    applied: "umgesetzt",
    late: "verspätet",
    verified: "nachgesehen",
    excepted: "nicht umgesetzt",
    excepted_text: "Es setzt Ihre Entscheidung vorerst nicht um, und jemand hier steht mit seinem Namen \
                    dafür ein. Ihre Daten darf es solange nicht verwenden.",
    unresolved: "nicht zu benachrichtigen",
    unresolved_text: "Es kennt Sie vielleicht unter einem Namen, den wir nicht haben. Sobald wir ihn \
                      kennen, wird es benachrichtigt.",
    not_needed: "nicht nötig",
    not_needed_text: "Es hat nichts, woran es Sie erkennen würde.",
    its_words: "In seinen eigenen Worten:",
    trying_since: "Es hat nicht geantwortet. Wir versuchen es seit",
    deadline: "Seine Frist endet",
    late_since: "Verspätet seit",
    late_text: "da endete seine Frist. Bis es antwortet, darf es Ihre Daten nicht verwenden, \
                außer wo das Gesetz oder ein Leben es verlangt.",
    locked: "Sie können Ihre Auswahl ändern, sobald diese Seite stillsteht.",
    change_something: "Jetzt etwas ändern",

    yours: "Sie entscheiden",
    yours_text: "Nichts davon ist nötig für das, was Sie gekauft haben. Sagen Sie so frei Nein wie Ja.",
    always: "Immer an",
    always_text: "Hier gibt es kein Kästchen, weil wir ohne diese Daten unsere Pflicht nicht erfüllen \
                  könnten. Überall steht, warum.",
    always_on: "Immer an",
    nothing_yours: "Im Moment gibt es hier nichts zu entscheiden.",
    save: "Auswahl speichern",
    none: "Zu allem Nein sagen",
    sharing: "Weitergabe an andere",
    shared_with: |recipient| format!("Darf weitergegeben werden an: {recipient}"),
    sharing_waits: "Gilt nur zusammen mit einem der Wege darüber.",
    in_part: "Ein Teil davon ist erlaubt, nicht alles. Nehmen Sie das Häkchen weg, um zu allem Nein zu \
              sagen; setzen Sie es danach wieder, um zu allem Ja zu sagen.",

    what: "Was wir verwenden",
    with_whom: "Wer es verwendet",
    how_long: "Wie lange",
    why: "Warum wir dürfen",
    sensitive: "sensibel",
    household: "betrifft alle, die mit Ihnen wohnen",
    full_text: "Den ganzen Text lesen",
    version: "Fassung",
    kind,
    basis,

    promises: "Was wir niemals tun",
    promises_text: "Ganz gleich, was oben angekreuzt ist und was nicht.",

    history: "Was bisher geschah",
    history_text: "Das Neueste zuerst. Zu jedem Eintrag gehört ein unterschriebener Beleg für Sie.",
    history_empty: "Bisher ist nichts festgehalten.",
    older: "Ältere Einträge zeigen",
    receipt: "Beleg",
    receipt_of: "zu Eintrag",
    happened,
    everything: "alles",
    systems_applied: |count| format!("{count} Systeme haben Ihre Entscheidung umgesetzt"),

    contact: "Fragen? Schreiben Sie uns:",

    link_title: "Ihre Seite ist bereit",
    link_text: "Sie zeigt, wofür Ihre Daten verwendet werden, und Sie können es ändern.",
    link_open: "Meine Seite öffnen",
    link_once: "Dieser Link funktioniert einmal. Wenn dies nicht Ihr eigenes Gerät ist, melden Sie sich \
                danach bitte ab.",
    gone_title: "Dieser Link öffnet keine Seite",
    gone_text: "Eines davon ist geschehen; dem Link allein sieht man nicht an, welches:",
    gone_reasons: [
        "er wurde schon einmal geöffnet: jeder Link funktioniert einmal;",
        "seit er erstellt wurde, ist zu viel Zeit vergangen;",
        "unterwegs ging ein Teil verloren, vielleicht beim Kopieren.",
    ],
    gone_do: "Bitten Sie dort, wo Sie diesen Link bekommen haben, um einen neuen, oder schreiben Sie uns:",
    gone_ask: "Neuen Link anfordern",
    gone_safe: "Ihre Entscheidungen sind unberührt und gelten weiter.",
    problem,
    problem_back: "Zurück zu meiner Seite",
    problem_reference: "Wenn Sie uns deshalb schreiben, nennen Sie bitte",
};

fn kind(kind: RecipientKind) -> &'static str {
    match kind {
        RecipientKind::Own => "unser eigenes Team",
        RecipientKind::Processor => "arbeitet für uns, nach unserer Weisung",
        RecipientKind::JointController => "entscheidet gemeinsam mit uns",
        RecipientKind::ThirdParty => "ein fremdes Unternehmen",
    }
}

fn basis(basis: LegalBasis) -> &'static str {
    match basis {
        LegalBasis::Consent => "Nur, wenn Sie Ja sagen.",
        LegalBasis::Contract => "Wir brauchen es für das, was wir mit Ihnen vereinbart haben.",
        LegalBasis::LegalObligation => "Das Gesetz schreibt es uns vor.",
        LegalBasis::VitalInterests => "Es kann Leben oder Gesundheit schützen.",
        LegalBasis::PublicTask => "Es dient der Allgemeinheit. Sie können trotzdem Nein sagen.",
        LegalBasis::LegitimateInterests => {
            "Es hilft uns, gut zu arbeiten. Sie können trotzdem Nein sagen."
        }
    }
}

fn happened(what: &Happened) -> String {
    match what {
        Happened::Chose { voice, effect, what } => chose(*voice, *effect, what),
        Happened::Drifted { system } => {
            format!(
                "{system} hatte etwas anderes, als Sie entschieden haben, und wurde erneut benachrichtigt"
            )
        }
        Happened::Excepted { system } => {
            format!("Es wurde hingenommen, dass {system} Ihre Entscheidung vorerst nicht umsetzt")
        }
        Happened::Applied { system } => format!("{system} hat Ihre Entscheidung umgesetzt"),
        Happened::BecameKnown => "Wir haben Sie kennengelernt".into(),
        Happened::IdentifierAdded { kind } => format!("Wir erkennen Sie nun auch daran: {kind}"),
        Happened::IdentifierRemoved { kind } => {
            format!("Wir erkennen Sie nicht mehr daran: {kind}")
        }
        Happened::RelationshipChanged { is_active: true } => "Ihr Vertrag mit uns begann".into(),
        Happened::RelationshipChanged { is_active: false } => "Ihr Vertrag mit uns endete".into(),
        Happened::RestrictionChanged { is_restricted: true } => {
            "Die Verwendung Ihrer Daten wurde angehalten".into()
        }
        Happened::RestrictionChanged { is_restricted: false } => {
            "Die Verwendung Ihrer Daten wurde wieder freigegeben".into()
        }
        Happened::MinorityChanged { is_minor: true } => {
            "Es wurde vermerkt, dass jemand mit Sorgerecht für Sie Ja sagt".into()
        }
        Happened::MinorityChanged { is_minor: false } => {
            "Es wurde vermerkt, dass Sie selbst entscheiden".into()
        }
        Happened::GuardianChanged { is_guardian: true } => {
            "Jemand hat das Sorgerecht für Sie übernommen".into()
        }
        Happened::GuardianChanged { is_guardian: false } => {
            "Jemand hat nicht mehr das Sorgerecht für Sie".into()
        }
        Happened::DeviceAcquired { device } => format!("Das gehört nun Ihnen: {device}"),
        Happened::DeviceReleased { device } => format!("Das gehört nicht mehr Ihnen: {device}"),
        Happened::HouseholdChanged { device } => {
            format!("Wer damit wohnt, hat sich geändert: {device}")
        }
        Happened::ErasureRequested => "Sie haben darum gebeten, vergessen zu werden".into(),
    }
}

fn chose(voice: Voice, effect: Effect, what: &str) -> String {
    let said = match effect {
        Effect::Grant => "Ja",
        Effect::Denial => "Nein",
    };
    match voice {
        Voice::Person => format!("Sie haben {said} gesagt zu: {what}"),
        Voice::Guardian => format!("Wer das Sorgerecht für Sie hat, hat {said} gesagt zu: {what}"),
        Voice::Agent => format!("Unser Team hat Ihr {said} vermerkt zu: {what}"),
        Voice::Browser => format!("Das Signal Ihres Browsers sagte {said} zu: {what}"),
        Voice::Unsubscribed => format!("Sie haben sich abgemeldet: {said} zu: {what}"),
        Voice::TextMessage => format!("Ihre Kurznachricht sagte {said} zu: {what}"),
        Voice::OlderSystem => format!("Aus einem älteren System übernommen: {said} zu: {what}"),
        Voice::Restored => format!("Aus unserer Aufzeichnung wieder in Kraft: {said} zu: {what}"),
    }
}

fn problem(kind: ProblemKind) -> (&'static str, &'static str) {
    match kind {
        ProblemKind::NotFound => (
            "Diese Seite gibt es nicht",
            "Bitte prüfen Sie die Adresse, oder öffnen Sie Ihre Seite mit dem Link, den Sie bekommen haben.",
        ),
        ProblemKind::SessionOver => (
            "Ihr Besuch ist beendet",
            "Sie waren eine Weile fort; deshalb haben wir Ihre Seite geschlossen, damit sie Ihre \
             bleibt. Öffnen Sie sie mit einem neuen Link. Ihre Entscheidungen gelten weiter.",
        ),
        ProblemKind::BadForm => (
            "Das konnten wir nicht lesen",
            "Es wurde nichts gespeichert. Bitte gehen Sie zurück zu Ihrer Seite und versuchen Sie es \
             noch einmal.",
        ),
        ProblemKind::Refused => (
            "Das geht hier nicht",
            "Es wurde nichts gespeichert. Diese Entscheidung ist nur auf anderem Weg möglich; bitte \
             schreiben Sie uns.",
        ),
        ProblemKind::TooMany => (
            "Das war sehr schnell",
            "Wir haben mehr Anfragen bekommen, als ein Mensch sendet. Bitte warten Sie eine Minute und \
             versuchen Sie es noch einmal.",
        ),
        ProblemKind::Unavailable => (
            "Wir können Ihre Seite gerade nicht zeigen",
            "Bei uns ist etwas kaputt, und es kümmert sich jemand darum. Was Sie bisher entschieden \
             haben, gilt weiter. Bitte versuchen Sie es in ein paar Minuten noch einmal.",
        ),
        ProblemKind::NotAllowed => (
            "Diese Seite ist nicht für Sie",
            "Sie verlangt einen Schlüssel mit mehr Rechten. Bitte fragen Sie, wer Sayso bei Ihnen betreibt.",
        ),
    }
}
