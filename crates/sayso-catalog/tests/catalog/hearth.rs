//! The sample company's catalog.

use sayso_consent::{
    Scope,
    catalog::{LegalBasis, Text, text_in},
};

use super::sample::{HEARTH, SMALL, read};

#[test]
fn the_sample_has_no_problems() {
    let catalog = read(HEARTH);
    assert_eq!(catalog.languages, ["en", "de"]);
    for recipient in ["mailer", "crm", "ad-partner", "service-cloud"] {
        let recipient = &catalog.recipients[recipient];
        assert!(recipient.namespace.is_some());
        assert_eq!(recipient.effect_deadline.unwrap().to_ms(), 15_000);
    }
    assert_eq!(catalog.material_version(&"offers".parse().unwrap()), Some(1));
    assert_eq!(catalog.notice(&"offers".parse().unwrap()).unwrap().version, 2);
}

#[test]
fn boxes_read_as_sentences() {
    let catalog = read(HEARTH);
    let label = |language: &str| {
        let text = |text: &Text| text_in(text, language, &catalog.languages).to_owned();
        let (title, phrase) =
            (&catalog.activities["offers"].title, &catalog.channels["email"].phrase);
        format!("{} {}", text(title), text(phrase))
    };
    assert_eq!(label("en"), "Offers by e-mail");
    assert_eq!(label("de"), "Angebote per E-Mail");
}

#[test]
fn the_warranty_is_not_watched() {
    let catalog = read(HEARTH);
    let asked = |data: &str| Scope {
        purpose: "service.warranty".parse().ok(),
        data: data.parse().ok(),
        recipient: "dealer".parse().ok(),
        ..Scope::default()
    };
    for (data, never) in
        [("device.usage", true), ("device", true), ("device.model", false), ("contact", false)]
    {
        assert_eq!(catalog.promises_never(asked(data).dimensions()), never, "{data}");
    }
    assert_eq!(catalog.activities["recall"].basis, LegalBasis::LegalObligation);
}

#[test]
fn json_reads_to_the_same() {
    for text in [HEARTH, SMALL] {
        let catalog = read(text);
        for json in [serde_json::to_string(&catalog), serde_json::to_string_pretty(&catalog)] {
            assert_eq!(read(&json.unwrap()), catalog);
        }
    }
    let tabs = serde_json::to_string_pretty(&read(SMALL)).unwrap().replace("  ", "\t");
    assert_eq!(read(&tabs), read(SMALL));
    let escaped = serde_json::to_string(&read(SMALL)).unwrap();
    let escaped = escaped.replace("\"Kiln\"", r#""K\u00e4\/\uD83D\uDD25\\uD83D\n""#);
    assert_eq!(read(&escaped).organisation.name, "Kä/🔥\\uD83D\n");
    assert!(sayso_catalog::read(&escaped.replace(r"\uDD25", ""), "f").is_err(), "half a pair");
}
