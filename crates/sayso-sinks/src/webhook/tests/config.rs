use super::*;
use crate::webhook::config::TIMEOUT_MAX_MS;

fn refusal(config: WebhookConfig) -> String {
    Webhook::new(config).err().map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn urls_are_checked_before_anything_is_sent() {
    for (url, needle) in [
        ("", "cannot be read"),
        ("https://", "cannot be read"),
        ("https://a b/", "cannot be read"),
        ("https://ümlaut.example/", "cannot be read"),
        ("hooks.example", "https://"),
        ("/in", "https://"),
        ("http://hooks.example/", "https://"),
        ("ftp://hooks.example/", "https://"),
        ("file:///etc/passwd", "cannot be read"),
        ("gopher://127.0.0.1:6379/_FLUSHALL", "https://"),
        ("https://me:geheim@hooks.example/", "credentials"),
        ("https://me@hooks.example/", "credentials"),
        ("https://hooks.example@127.0.0.1/", "credentials"),
        ("https://hooks.example:0/", "port"),
        ("https://hooks.example:/", "port"),
        ("https://hooks.example:65536/", "port"),
        ("https://[::1]:99999/", "port"),
        ("https://2130706433/", "odd spelling"),
        ("https://127.1/", "odd spelling"),
        ("https://0x7f.1/", "odd spelling"),
        ("https://0X/", "odd spelling"),
        ("https://0177.0.0.1:8443/", "odd spelling"),
        ("https://8.8.8.8./", "odd spelling"),
        ("https://256.256.256.256/", "odd spelling"),
        ("https://hooks.example.1/", "odd spelling"),
    ] {
        let text = refusal(strict(url));
        assert!(text.contains(needle), "{url}: {text}");
        assert!(!text.contains("geheim"), "{text}");
    }
}

#[test]
fn fit_urls_are_taken() {
    for url in [
        "https://hooks.example",
        "https://hooks.example:8443/in?token=x#part",
        "https://1.hooks.example2/",
        "https://hooks.0x-example/",
        "https://93.184.216.34/",
        "HTTPS://Hooks.Example/in",
        "https://[2606:4700:4700::1111]:443/in",
    ] {
        assert_eq!(refusal(strict(url)), "", "{url}");
    }
    assert_eq!(refusal(local("http://127.0.0.1:9000/in")), "");
}

#[test]
fn timeouts_have_bounds() {
    for (timeout_ms, is_fit) in
        [(0, false), (1, true), (TIMEOUT_MAX_MS, true), (TIMEOUT_MAX_MS + 1, false)]
    {
        let text = refusal(WebhookConfig { timeout_ms, ..strict("https://hooks.example") });
        assert_eq!(text.is_empty(), is_fit, "{timeout_ms}: {text}");
    }
}
