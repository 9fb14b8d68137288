//! Every page, in every language: well formed, free of scripts and foreign requests, labelled, and
//! deaf to hostile text.

#[cfg(test)]
mod contrast;
#[cfg(test)]
mod hostile;
mod html;

use sayso_web::{Refreshing, console, docs, frame, portal};

use crate::html::Html;

const LANGUAGES: [&str; 2] = ["en", "de"];

fn pages(language: &str) -> Vec<(&'static str, askama::Result<String>)> {
    let mut pages = vec![
        ("portal", portal::Page::sample(language).render()),
        ("portal calm", portal::Page::sample_calm(language).render()),
        ("portal settled", portal::Page::sample_settled(language).render()),
        ("portal weak", portal::Page::sample_weak(language).render()),
        ("portal empty", empty(language).render()),
        ("link", portal::Link::sample(language).render()),
        ("gone", portal::Gone::sample(language).render()),
        ("overview", console::Overview::sample(language).render()),
        ("overview calm", console::Overview::sample_calm(language).render()),
        ("docs", docs::Page::sample(language).render()),
    ];
    for kind in portal::ProblemKind::ALL {
        let problem = portal::Problem { kind, ..portal::Problem::sample(language) };
        pages.push(("problem", problem.render()));
    }
    pages
}

/// A person of whom nothing is known.
fn empty(language: &str) -> portal::Page {
    portal::Page {
        yours: Vec::new(),
        always: Vec::new(),
        promises: Vec::new(),
        history: Some(Vec::new()),
        older_href: None,
        frame: frame::Frame { leave: None, ..frame::Frame::sample(language) },
        ..portal::Page::sample_calm(language)
    }
}

#[test]
fn every_page_is_sound() {
    for language in LANGUAGES {
        for (name, text) in pages(language) {
            let text = text.unwrap();
            let html =
                Html::read(&text).unwrap_or_else(|wrong| panic!("{name} {language}: {wrong}"));
            let wrong = html.faults(language);
            assert!(wrong.is_empty(), "{name} {language}: {wrong:?}");
        }
    }
}

#[test]
fn no_page_runs_or_fetches_anything() {
    for language in LANGUAGES {
        for (name, text) in pages(language) {
            let text = text.unwrap();
            for banned in
                ["<script", "style=", "<style", "http://", "https://", "javascript:", "<iframe"]
            {
                assert!(!text.contains(banned), "{name} {language} contains {banned}");
            }
        }
    }
}

#[test]
fn the_faults_that_are_looked_for_are_found() {
    for (text, fault) in [
        ("<html lang=\"en\"><h1>a</h1><input name=\"x\"></html>", "unlabelled"),
        ("<html lang=\"en\"><h1>a</h1><h1>b</h1></html>", "h1"),
        ("<html lang=\"de\"><h1>a</h1></html>", "lang"),
        ("<html lang=\"en\"><h1>a</h1><a href=\"#gone\">b</a></html>", "#gone"),
        ("<html lang=\"en\"><h1 id=\"a\">a</h1><p id=\"a\"></p></html>", "twice"),
        ("<html lang=\"en\"><h1>a</h1><p onclick=\"x\"></p></html>", "onclick"),
        ("<html lang=\"en\"><h1>a</h1><h3>b</h3></html>", "h3"),
        ("<html lang=\"en\"><h1>a</h1><button></button></html>", "nameless"),
    ] {
        let wrong = Html::read(text).unwrap().faults("en").join("; ");
        assert!(wrong.contains(fault), "{text}: {wrong}");
    }
    assert!(Html::read("<p><b></p></b>").is_err());
    assert!(Html::read("<p>").is_err());
}

#[test]
fn the_form_says_what_it_showed_and_what_is_ticked() {
    let page = portal::Page::sample_calm("en");
    let text = page.render().unwrap();
    for choice in page.yours.iter().flat_map(|card| card.boxes.iter().chain(&card.sharing)) {
        let name = &choice.name;
        assert!(
            text.contains(&format!("type=\"hidden\" name=\"shown\" value=\"{name}\"")),
            "{name}"
        );
        let shown_ticked = format!("name=\"shown_ticked\" value=\"{name}\"");
        assert_eq!(text.contains(&shown_ticked), choice.ticked, "{name}");
        let tick = if choice.ticked { " checked>" } else { ">" };
        let field = format!("type=\"checkbox\" name=\"{name}\" value=\"yes\"{tick}");
        assert!(text.contains(&field), "{name}");
    }
    assert_eq!(text.matches("type=\"checkbox\"").count(), 6);
    // Pressing Enter in a box uses the first button of a form, which must not be the refusal.
    let (save, none) =
        (text.find("Save my choices").unwrap(), text.find("name=\"all\" value=\"no\"").unwrap());
    assert!(save < none);
    assert!(text.contains(&format!("name=\"csrf\" value=\"{}\"", page.csrf)));
    assert!(text.contains(&format!("name=\"catalog\" value=\"{}\"", page.catalog)));
    // A browser that fills in what was there before would make ticks of its own.
    assert!(text.contains("action=\"/me\" autocomplete=\"off\">"));
}

#[test]
fn a_page_that_refreshes_itself_takes_no_ticks() {
    let refreshing = portal::Page::sample("en").render().unwrap();
    assert!(refreshing.contains(" disabled>"));
    assert!(!refreshing.contains("Save my choices"));
    assert!(refreshing.contains("This page refreshes itself every 2 seconds."));
    let stopped = Refreshing::Stopped { resume_href: "/me?go".into() };
    let stopped =
        portal::Page { refreshing: stopped, ..portal::Page::sample("en") }.render().unwrap();
    assert!(!stopped.contains(" disabled>"));
    assert!(stopped.contains("Save my choices") && stopped.contains("href=\"/me?go\""));
}

#[test]
fn effects_are_told_system_by_system() {
    let text = portal::Page::sample("en").render().unwrap();
    assert!(text.contains("2 of 4 systems have applied your choice."));
    assert!(
        text.contains("06:14:20 UTC</time>: that was its deadline. Until it answers, it may not")
    );
    assert!(text.contains("except where the law or a life demands it"));
    assert_eq!(text.matches("We have been trying since").count(), 1, "one took no message");
    assert!(text.contains("It holds nothing that would tell it who you are."));
    let settled = portal::Page::sample_settled("de");
    assert!(settled.is_settled());
    assert!(settled.render().unwrap().contains("Jedes System hat Ihre Entscheidung umgesetzt."));
}

#[test]
fn the_overview_puts_what_is_wrong_first() {
    let text = console::Overview::sample("en").render().unwrap();
    let alert = text.find("Nimbus Ads is late for 3 people").unwrap();
    assert!(alert < text.find("Head of the ledger").unwrap());
    // An hour of choices, and of lag and time to effect for each of four systems, as bars and table.
    let rows = text.matches("<th scope=\"row\">").count();
    assert_eq!((rows, text.matches("<rect class=\"bar-").count()), (9 * 60, 9 * 60));
    let calm = console::Overview::sample_calm("de").render().unwrap();
    assert!(calm.contains("Ja. Jedes System ist auf dem Stand."));
}

#[test]
fn the_overview_says_all_is_well_only_if_it_is() {
    let mut overview = console::Overview::sample_calm("en");
    let says = |overview: &console::Overview, text| overview.render().unwrap().contains(text);
    overview.systems[0].state = console::SystemState::Behind;
    assert!(says(&overview, "Some systems are catching up"));
    overview.systems[0].state = console::SystemState::NotConnected;
    overview.alerts = vec![console::Alert::NotConnected { system: "Mailer".into() }];
    assert!(says(&overview, "Yes, so far.") && says(&overview, "Mailer is not connected"));
    overview.systems[0].overdue = 1;
    assert!(says(&overview, "No. Where a system is late") && !says(&overview, "Yes"));
}

#[test]
fn a_form_that_was_lost_does_not_look_like_success() {
    let lost = Some(portal::Banner::Expired);
    let page = portal::Page { banner: lost, ..portal::Page::sample_calm("en") };
    let text = page.render().unwrap();
    assert!(text.contains("Nothing was saved") && !text.contains("settled"));
    let same = portal::Page { banner: Some(portal::Banner::Unchanged), ..page };
    assert!(same.render().unwrap().contains("class=\"status settled\""));
}

#[test]
fn a_weak_link_is_shown_boxes_and_nothing_that_happened() {
    for language in LANGUAGES {
        let text = portal::Page::sample_weak(language).render().unwrap();
        assert!(text.contains("type=\"checkbox\""));
        for told in ["history", "receipt", "class=\"effect", "class=\"mono\""] {
            assert!(!text.contains(told), "{told}");
        }
    }
}

#[test]
fn what_was_left_out_is_said() {
    let calm = || portal::Page::sample_calm("en");
    for banner in [portal::Banner::Unchanged, portal::Page::sample("en").banner.unwrap()] {
        let left_out = Some(portal::LeftOut::Sharing);
        let text = portal::Page { banner: Some(banner), left_out, ..calm() }.render().unwrap();
        assert!(text.contains("Passing on to others was left out"));
        assert!(!text.contains("already as you sent them"));
    }
}

#[test]
fn systems_that_follow_one_choice_stand_together() {
    let mut page = portal::Page::sample_calm("en");
    let history = page.history.as_mut().unwrap();
    history.insert(0, history[0].clone());
    let entries = history.len();
    let text = page.render().unwrap();
    assert!(text.contains("<summary>2 systems applied your choice</summary>"));
    assert_eq!(text.matches("class=\"receipt\"").count(), entries);
}

#[test]
fn the_reference_shows_every_operation_once_and_links_its_schemas() {
    let page = docs::Page::sample("en");
    let operations: usize = page.groups.iter().map(|group| group.operations.len()).sum();
    assert_eq!(operations, 4);
    let text = page.render().unwrap();
    assert_eq!(text.matches("<article class=\"card operation\"").count(), operations);
    assert!(text.contains("<a href=\"#schema-Scope\">Scope</a>"));
    assert!(text.contains("The request could not be served."));
    assert!(text.contains("deprecated"));
}

#[test]
fn languages_fall_back_to_english() {
    for (asked, spoken) in [("de", "de"), ("de-AT", "de"), ("DE", "de"), ("fr", "en"), ("", "en")] {
        assert_eq!(sayso_web::Words::of(asked).tag, spoken);
    }
}
