//! The person's page as the rest of the world moves on around it, and what a mailed link opens.

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    cli::{file, ledger},
    cli_server::{serve, stop},
    world::{ANA, Browser, Caller, FORM, attribute, done},
};

const EMAIL: &str = "offers~email~";
const SMS: &str = "offers~sms~";

/// A server, and Ana on it, who said yes to offers.
struct World {
    folder: tempfile::TempDir,
    dir: std::path::PathBuf,
    server: tokio::process::Child,
    url: String,
    admin: Caller,
    ana: String,
}

impl World {
    async fn new() -> Self {
        let (folder, dir) = ledger().await;
        let (server, url) = serve(&dir).await;
        let key = std::fs::read_to_string(dir.join("admin.key")).unwrap();
        let admin = Caller::new(&url).with_key(key.trim());
        let ana = admin.post("/v1/subjects", &json!({"identifiers": [ANA]})).await;
        let ana = ana["subject"].as_str().unwrap().to_owned();
        let world = Self { folder, dir, server, url, admin, ana };
        world.choose("grant", &json!({"purpose": "marketing.offers"})).await;
        world
    }

    async fn choose(&self, effect: &str, scope: &Value) {
        let mut choice = json!({"effect": effect, "scope": scope});
        if effect == "grant" {
            choice["notice"] = json!({"id": "offers", "version": 2});
        }
        let path = format!("/v1/subjects/{}/choices", self.ana);
        self.admin.post(&path, &json!({"choices": [choice]})).await;
    }

    async fn link(&self, authority: &str) -> String {
        let path = format!("/v1/subjects/{}/links", self.ana);
        let made = self.admin.post(&path, &json!({"authority": authority})).await;
        made["link"].as_str().unwrap().to_owned()
    }

    async fn reason(&self, channel: &str) -> Value {
        let question = json!({
            "subject": {"type": "recipient", "id": "mailer"},
            "action": {"name": "marketing.offers"},
            "resource": {"type": "contact.email", "id": ANA},
            "context": {"channel": channel},
        });
        self.admin.post("/access/v1/evaluation", &question).await["context"]["reason"].clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailed_link_takes_a_no_and_reads_nothing() {
    let world = World::new().await;
    let (own, page) = Browser::open(&world.url, &world.link("strong").await).await;
    let receipt = attribute(&page.text, "class=\"receipt\"", "href");
    assert_eq!(own.look(receipt).await.status, StatusCode::OK);

    let (mailed, page) = Browser::open_mailed(&world.url, &world.link("weak").await).await;
    let (_, after) = mailed.save(&page, EMAIL, false).await;
    assert!(after.text.contains("In force now"), "{}", after.text);
    assert_eq!(
        (world.reason("email").await, world.reason("sms").await),
        (json!("withdrawn"), json!("granted"))
    );
    for page in [page, after, mailed.get("/me?before=0-9").await, mailed.get("/me?saved=0-2").await]
    {
        for told in
            ["/me/receipts", "What happened", "class=\"effect", "Recorded", "E-mail address</p>"]
        {
            assert!(!page.text.contains(told), "{told}: {}", page.text);
        }
        assert!(page.text.contains("you can only say no"));
        assert!(!page.headers.contains_key("refresh"));
    }
    assert_eq!(mailed.look(receipt).await.status, StatusCode::NOT_FOUND);
    let (_, page) = mailed.save(&mailed.get("/me").await, EMAIL, true).await;
    assert!(page.text.contains("the link that you came by can only say no"), "{}", page.text);
    assert_eq!(world.reason("email").await, "withdrawn");
    stop(world.server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_page_neither_undoes_a_no_nor_says_yes_to_new_words() {
    let world = World::new().await;
    let (browser, old) = Browser::open(&world.url, &world.link("strong").await).await;
    world.choose("denial", &json!({"purpose": "marketing"})).await;
    browser.save(&old, SMS, false).await;
    assert_eq!(
        world.reason("email").await,
        "withdrawn",
        "it was shown ticked and nobody touched it"
    );

    let old = browser.get("/me?watch=off").await;
    let words = "  usage:\n    - version: 1\n";
    let third =
        "    - version: 3\n      material: true\n      text: { en: Brokers., de: Makler. }\n";
    assert_eq!(hearth::CATALOG.matches(words).count(), 1);
    let catalog = hearth::CATALOG.replace(words, &format!("{third}{words}"));
    done(&world.dir, &["catalog", "apply", &file(&world.folder, "third.yaml", &catalog)]).await;
    let (to, page) = browser.save(&old, EMAIL, true).await;
    assert!(to.contains("left=unread") && page.text.contains("the texts have changed"), "{to}");
    assert_eq!(world.reason("email").await, "withdrawn");
    browser.save(&page, EMAIL, true).await;
    assert_eq!(world.reason("email").await, "granted");
    stop(world.server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_allowed_in_part_is_ticked_and_can_be_unticked() {
    let world = World::new().await;
    world.choose("denial", &json!({})).await;
    let narrow = json!({"purpose": "marketing.offers", "data": "contact.email", "recipient": "mailer", "channel": "email"});
    world.choose("grant", &narrow).await;
    assert_eq!(world.reason("email").await, "granted");
    let (browser, page) = Browser::open(&world.url, &world.link("strong").await).await;
    let is_ticked = |page: &str| page.contains(&format!("name=\"{EMAIL}\" value=\"yes\" checked"));
    assert!(is_ticked(&page.text) && page.text.contains("A part of this is allowed"));
    let (_, page) = browser.save(&page, EMAIL, false).await;
    assert!(!is_ticked(&page.text));
    assert_eq!(world.reason("email").await, "withdrawn");
    stop(world.server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_no_is_recorded_even_if_the_yes_beside_it_is_refused() {
    let world = World::new().await;
    let until = |day: usize| {
        format!("20{:02}-{:02}-{:02}T00:00:00Z", 30 + day / 336, day / 28 % 12 + 1, day % 28 + 1)
    };
    let grant = |day: usize| json!({"effect": "grant", "scope": {"purpose": "marketing.ads"}, "until": until(499 - day)});
    let choices: Vec<Value> = (0..499).map(grant).collect();
    let path = format!("/v1/subjects/{}/choices", world.ana);
    world.admin.post(&path, &json!({"choices": choices})).await;
    world.choose("denial", &json!({"channel": "sms"})).await;
    let (browser, page) = Browser::open(&world.url, &world.link("strong").await).await;
    let csrf = attribute(&page.text, "name=\"csrf\"", "value");
    let catalog = attribute(&page.text, "name=\"catalog\"", "value");
    let form = format!(
        "csrf={csrf}&catalog={catalog}&shown={EMAIL}&shown_ticked={EMAIL}&shown={SMS}&{SMS}=yes"
    );
    let (to, page) = browser.post(&form).await;
    assert!(to.contains("left=refused") && page.text.contains("In force now"), "{to}");
    assert_eq!(world.reason("email").await, "withdrawn");
    stop(world.server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_let_in_by_the_form_of_another_site() {
    let world = World::new().await;
    let link = world.link("weak").await;
    let token = format!("token={}", link.rsplit_once('/').unwrap().1);
    let browser = Caller::new(&world.url);
    for from in
        [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example"), ("origin", "null")]
    {
        let answer = browser.send(Method::POST, "/open", &[FORM, from], token.clone()).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{from:?}");
        assert!(!answer.headers.contains_key("set-cookie"), "{from:?}");
    }
    let here = ("origin", world.url.as_str());
    let answer = browser.send(Method::POST, "/open", &[FORM, here], token).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "the link was not used up: {answer:?}");
    stop(world.server).await;
}
