//! Writes every sample page, with the style sheet beside, into a folder to look at:
//!
//! ```sh
//! cargo run -p sayso-web --example pages -- /tmp/pages
//! python3 -m http.server --directory /tmp/pages
//! ```

use std::{env, error::Error, fs, path::PathBuf};

use sayso_web::{assets, console, docs, portal};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(env::args().nth(1).ok_or("name the folder to write into")?);
    fs::create_dir_all(folder.join("assets"))?;
    fs::write(folder.join("assets/sayso.css"), assets::STYLESHEET)?;
    fs::write(folder.join("assets/sayso.svg"), assets::FAVICON)?;
    for language in ["en", "de"] {
        for (name, html) in pages(language)? {
            fs::write(folder.join(format!("{name}-{language}.html")), html)?;
        }
    }
    Ok(())
}

fn pages(language: &str) -> Result<Vec<(&'static str, String)>, Box<dyn Error>> {
    Ok(vec![
        ("portal", portal::Page::sample(language).render()?),
        ("portal-calm", portal::Page::sample_calm(language).render()?),
        ("portal-settled", portal::Page::sample_settled(language).render()?),
        ("link", portal::Link::sample(language).render()?),
        ("gone", portal::Gone::sample(language).render()?),
        ("problem", portal::Problem::sample(language).render()?),
        ("overview", console::Overview::sample(language).render()?),
        ("overview-calm", console::Overview::sample_calm(language).render()?),
        ("docs", docs::Page::sample(language).render()?),
    ])
}
