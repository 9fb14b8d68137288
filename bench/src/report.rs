//! What was measured, as people and programs read it.

use std::path::Path;

use anyhow::{Context, Result};
use comfy_table::{CellAlignment, Table, presets::UTF8_FULL_CONDENSED};
use serde::Serialize;

use crate::{chart, rounds::Measured};

/// One measurement.
#[derive(Debug, Serialize)]
pub(crate) struct Section {
    /// Its name on the command line and between the marks of the page.
    pub(crate) name: &'static str,
    /// What is measured, over its chart.
    pub(crate) title: &'static str,
    /// What is counted.
    pub(crate) unit: &'static str,
    /// What was found.
    pub(crate) rows: Vec<Row>,
}

/// One line of it.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) per_second: Option<f64>,
    p50_us: Option<f64>,
    p99_us: Option<f64>,
    server_cpu_us: Option<f64>,
    pub(crate) ratio: Option<f64>,
    pub(crate) beside: Option<String>,
    #[serde(skip)]
    is_aside: bool,
}

impl Row {
    /// A contender.
    pub(crate) fn new(what: impl Into<String>, measured: &Measured) -> Self {
        Self {
            what: what.into(),
            per_second: Some(measured.per_second()),
            p50_us: measured.latency(0.50),
            p99_us: measured.latency(0.99),
            server_cpu_us: measured.cpu(),
            ..Self::default()
        }
    }

    /// One that is known by how long it takes, and not by how often it can be done.
    pub(crate) fn waited(what: impl Into<String>, measured: &Measured) -> Self {
        Self { per_second: None, ..Self::new(what, measured) }
    }

    /// What is said instead of a figure.
    pub(crate) fn note(what: impl Into<String>) -> Self {
        Self { what: what.into(), ..Self::default() }
    }

    /// Beside another.
    pub(crate) fn beside(self, ratio: f64, other: impl Into<String>) -> Self {
        Self { ratio: Some(ratio), beside: Some(other.into()), ..self }
    }

    /// One that counts something else than the others: its figure is in the table only.
    pub(crate) fn aside(self) -> Self {
        Self { is_aside: true, ..self }
    }

    /// The figure that a chart shows.
    pub(crate) fn drawn(&self) -> Option<f64> {
        self.per_second.or(self.p50_us).filter(|_| !self.is_aside)
    }

    fn cells(&self) -> [String; 6] {
        let ratio = self.ratio.zip(self.beside.as_ref());
        [
            self.what.clone(),
            self.per_second.map(grouped).unwrap_or_default(),
            self.p50_us.map(short).unwrap_or_default(),
            self.p99_us.map(short).unwrap_or_default(),
            self.server_cpu_us.map(short).unwrap_or_default(),
            ratio.map(|(ratio, other)| format!("{} × {other}", rounded(ratio))).unwrap_or_default(),
        ]
    }
}

impl Section {
    fn head(&self) -> [String; 6] {
        let unit = format!("{} a second", self.unit);
        ["what", &unit, "p50, µs", "p99, µs", "server CPU, µs", "ratio"].map(str::to_owned)
    }

    /// Head and rows, without the columns that are empty.
    fn filled(&self) -> Vec<Vec<String>> {
        let rows: Vec<_> = self.rows.iter().map(Row::cells).collect();
        let is_filled = |column: &usize| rows.iter().any(|row| !row[*column].is_empty());
        let columns: Vec<usize> = (0..6).filter(is_filled).collect();
        let kept = |row: [String; 6]| columns.iter().map(|column| row[*column].clone()).collect();
        std::iter::once(self.head()).chain(rows.iter().cloned()).map(kept).collect()
    }

    /// A table for a terminal.
    pub(crate) fn text(&self) -> String {
        let mut lines = self.filled().into_iter();
        let head = lines.next().unwrap_or_default();
        let numbers = 1..head.len().saturating_sub(1);
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED).set_header(head).add_rows(lines);
        for column in numbers {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        format!("{}\n{table}", self.name)
    }

    /// A table for a page.
    fn markdown(&self) -> String {
        let mut lines = self.filled().into_iter();
        let head = lines.next().unwrap_or_default();
        let last = head.len().saturating_sub(1);
        let rule = (0..head.len()).map(|column| match column {
            column if column == 0 || column == last => "---",
            _ => "--:",
        });
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let rule = format!("|{}|\n", rule.collect::<Vec<_>>().join("|"));
        format!("{}{rule}{}", line(head), lines.map(line).collect::<String>())
    }
}

/// `12,345`.
pub(crate) fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Three digits are more than a shared machine can stand for.
pub(crate) fn short(value: f64) -> String {
    match value {
        value if value < 10.0 => format!("{value:.2}"),
        value if value < 100.0 => format!("{value:.1}"),
        value => grouped(value),
    }
}

pub(crate) fn rounded(ratio: f64) -> String {
    if ratio < 10.0 { format!("{ratio:.2}") } else { format!("{ratio:.0}") }
}

/// Where charts are, beside the page.
const PICTURES: &str = "performance";

/// Puts the tables between their marks in the page and the charts beside it; what else the page
/// says is written by people.
pub(crate) fn write(page: &Path, sections: &[Section]) -> Result<()> {
    let shown = page.display();
    let mut text =
        std::fs::read_to_string(page).with_context(|| format!("cannot read `{shown}`"))?;
    let pictures = page.with_file_name(PICTURES);
    std::fs::create_dir_all(&pictures)?;
    for section in sections {
        text = replaced(&text, section)
            .with_context(|| format!("`{shown}` has no marks for `{}`", section.name))?;
        let picture = pictures.join(section.name).with_extension("svg");
        std::fs::write(&picture, chart::draw(section)?)
            .with_context(|| format!("cannot write `{}`", picture.display()))?;
    }
    std::fs::write(page, text).with_context(|| format!("cannot write `{shown}`"))
}

fn replaced(text: &str, section: &Section) -> Option<String> {
    let (begin, end) =
        (format!("<!-- {} -->\n", section.name), format!("<!-- /{} -->", section.name));
    let (before, rest) = text.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    let Section { name, title, .. } = section;
    let picture = format!("![{title}]({PICTURES}/{name}.svg)");
    Some(format!("{before}{begin}{}\n{picture}\n{end}{after}", section.markdown()))
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    fn section() -> Section {
        let row = Row { what: "a".into(), per_second: Some(1_234_567.8), ..Row::default() };
        Section {
            name: "decide",
            title: "Decisions",
            unit: "decisions",
            rows: vec![row.beside(0.5, "b")],
        }
    }

    #[test]
    fn figures_go_between_their_marks_and_nothing_else_changes() {
        let page = "before\n<!-- decide -->\nold\n<!-- /decide -->\nafter\n";
        let text = replaced(page, &section()).unwrap();
        assert_eq!(
            text,
            "before\n<!-- decide -->\n| what | decisions a second | ratio |\n|---|--:|---|\n\
             | a | 1,234,568 | 0.50 × b |\n\n![Decisions](performance/decide.svg)\n\
             <!-- /decide -->\nafter\n"
        );
        assert_eq!(replaced(&text, &section()), Some(text.clone()));
        assert_eq!(replaced("no marks", &section()), None);
    }

    #[test]
    fn the_page_has_marks_for_every_measurement() {
        let page = std::fs::read_to_string(crate::root().join("docs/performance.md")).unwrap();
        for (what, _) in crate::ALL {
            let value = what.to_possible_value().unwrap();
            let name = value.get_name().to_owned().leak();
            assert!(replaced(&page, &Section { name, ..section() }).is_some(), "{name}");
        }
    }
}
