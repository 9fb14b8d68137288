//! The catalogs that the tests read and change.

/// The catalog of the sample company.
pub(crate) const HEARTH: &str = include_str!("../../../../examples/hearth/catalog.yaml");

/// A small catalog without problems, for tests that change one thing in it.
pub(crate) const SMALL: &str = r#"sayso: 1
organisation: { name: Kiln, contact: privacy@kiln.example, country: DE }
languages: [en]
time_zone: Europe/Berlin
namespaces:
  email: { title: { en: E-mail }, normalise: email }
data:
  contact: { title: { en: Contact } }
  contact.email: { title: { en: E-mail address } }
  voice: { title: { en: Voice }, sensitive: true }
purposes:
  marketing: { title: { en: Advertising } }
  service: { title: { en: Service } }
recipients:
  mailer: { title: { en: Mailer }, kind: processor, country: DE, namespace: email }
channels:
  call: { title: { en: Call }, quiet_hours: { from: "21:00", to: "08:00" } }
  email: { title: { en: E-mail } }
device_types:
  oven: { title: { en: Oven } }
notices:
  offers:
    - { version: 1, material: true, text: { en: Offers. } }
activities:
  offers:
    title: { en: Offers }
    purpose: marketing
    data: [contact]
    recipients: [mailer]
    basis: consent
    channels: [email]
    retention: 2 years
    notice: offers
promises:
  quiet-voice:
    title: { en: No advertising with voices. }
    never:
      - { purpose: marketing, data: voice }
"#;

/// [`SMALL`] with one piece of text replaced, which has to be there.
pub(crate) fn small_with(old: &str, new: &str) -> String {
    assert_eq!(SMALL.matches(old).count(), 1, "`{old}` stands in the small catalog once");
    SMALL.replace(old, new)
}

/// [`SMALL`] with the replacement of a case: `old ⇒ new`, with `⏎` for the end of a line.
pub(crate) fn small_by(replacement: &str) -> String {
    let (old, new) = replacement.split_once("⇒").expect("a case replaces something");
    let old = old.strip_suffix(' ').unwrap_or(old).replace('⏎', "\n");
    let new = new.strip_prefix(' ').unwrap_or(new).replace('⏎', "\n");
    small_with(&old, &new)
}

/// Runs every case of a table: a replacement, and below it the lines that are expected.
pub(crate) fn run_cases(table: &str, cases_min: usize, found: fn(&str) -> Vec<String>) {
    let (mut count, mut failures) = (0, Vec::new());
    for case in table.split("\n\n").filter(|case| !case.starts_with('#')) {
        let mut lines = case.trim_end().split('\n');
        let replacement = lines.next().expect("a case has a first line");
        let expected: Vec<&str> = lines.map(str::trim).filter(|line| *line != "none").collect();
        let found = found(replacement);
        if found != expected {
            failures.push(format!("{replacement}\n  expected {expected:#?}\n  found {found:#?}"));
        }
        count += 1;
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(count >= cases_min, "{count} cases");
}

/// A catalog that has no problems.
pub(crate) fn read(text: &str) -> sayso_consent::Catalog {
    sayso_catalog::read(text, "catalog.yaml").unwrap_or_else(|problems| {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        panic!("{}", problems.join("\n"))
    })
}
