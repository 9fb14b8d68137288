//! A section as a picture: a bar for each row, as long as its figure.
//!
//! Whoever wrote the software is told apart by more than colour: Sayso's bars are full, a peer's are
//! grey, a floor's are empty. The picture brings its own ground for light and for dark, and says
//! the same in words.

use std::fmt::Write;

use anyhow::{Result, anyhow};
use plotters::{
    coord::{
        Shift,
        ranged1d::{BoldPoints, Ranged},
        types::RangedCoordf64,
    },
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use crate::report::{Row, Section, rounded, short};

const WIDTH: i32 = 880;
const MARGIN: i32 = 28;
/// Title, unit and legend.
const HEAD: i32 = 84;
/// A line of text and a bar below it.
const ROW: i32 = 44;
const BAR: i32 = 14;
/// How wide a letter is, more or less: without fonts nobody knows.
const LETTER: i32 = 7;
/// Room for a figure at the end of a line.
const VALUE: i32 = 64;
/// The numbers of the axis.
const FOOT: i32 = 40;

/// Beyond this, the shortest bar would be a hair: the axis then counts in powers of ten.
const SPREAD_MAX: f64 = 40.0;

/// A colour as it is drawn, and what it becomes in the dark.
struct Paint(RGBColor, &'static str);

const GROUND: Paint = Paint(RGBColor(0xff, 0xff, 0xff), "#11161d");
const EDGE: Paint = Paint(RGBColor(0xd8, 0xde, 0xe6), "#2b3440");
const GRID: Paint = Paint(RGBColor(0xe9, 0xed, 0xf2), "#222a34");
const TEXT: Paint = Paint(RGBColor(0x1b, 0x24, 0x30), "#e8eef5");
const QUIET: Paint = Paint(RGBColor(0x56, 0x63, 0x74), "#9fb0c3");
const OWN: Paint = Paint(RGBColor(0x0b, 0x72, 0x85), "#3bc9db");
const PEER: Paint = Paint(RGBColor(0x86, 0x93, 0xa5), "#6d7c90");
const FLOOR: Paint = Paint(RGBColor(0x70, 0x7f, 0x93), "#8797ab");
const PAINTS: [&Paint; 8] = [&GROUND, &EDGE, &GRID, &TEXT, &QUIET, &OWN, &PEER, &FLOOR];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Own,
    Peer,
    Floor,
}

impl Kind {
    fn of(what: &str) -> (Self, &str) {
        let kinds =
            [("peer: ", Self::Peer), ("floor: ", Self::Floor), ("reference: ", Self::Floor)];
        let named = kinds.iter().find_map(|(mark, kind)| Some((*kind, what.strip_prefix(mark)?)));
        named.unwrap_or((Self::Own, what))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Own => "Sayso",
            Self::Peer => "peer",
            Self::Floor => "floor",
        }
    }

    fn style(self) -> ShapeStyle {
        match self {
            Self::Own => OWN.0.filled(),
            Self::Peer => PEER.0.filled(),
            Self::Floor => FLOOR.0.stroke_width(1),
        }
    }
}

/// A row as it is drawn.
struct Bar<'a> {
    kind: Kind,
    what: &'a str,
    value: f64,
    beside: Option<String>,
}

/// From a figure to a place on the axis and back.
#[derive(Clone, Copy)]
struct Scale {
    is_log: bool,
    from: f64,
    to: f64,
}

impl Scale {
    fn of(bars: &[Bar]) -> Self {
        let values = || bars.iter().map(|bar| bar.value);
        let (least, most) = (values().fold(f64::MAX, f64::min), values().fold(0.0, f64::max));
        if most / least > SPREAD_MAX {
            Self { is_log: true, from: (least / 2.0).log10().floor(), to: most.log10() }
        } else {
            Self { is_log: false, from: 0.0, to: most }
        }
    }

    fn place(self, value: f64) -> f64 {
        if self.is_log { value.log10() } else { value }
    }

    fn value(self, place: f64) -> f64 {
        if self.is_log { 10_f64.powf(place) } else { place }
    }

    fn ticks(self) -> Vec<f64> {
        if self.is_log {
            let decades = self.from as i32..=self.to.floor() as i32;
            return decades.map(f64::from).collect();
        }
        RangedCoordf64::from(self.from..self.to).key_points(BoldPoints(7))
    }
}

/// What the figures are.
#[derive(Clone, Copy)]
enum Unit {
    ASecond,
    Microseconds,
}

/// `4.2 M`, `1.4 ms`: what an axis and a bar have room for.
fn brief(value: f64, unit: Unit) -> String {
    let parts = match unit {
        Unit::ASecond => [(1e6, " M"), (1e3, " k"), (1.0, "")],
        Unit::Microseconds => [(1e6, " s"), (1e3, " ms"), (1.0, " µs")],
    };
    let least = parts[2];
    let (one, name) = parts.into_iter().find(|(one, _)| value >= *one).unwrap_or(least);
    let value = value / one;
    let digits = usize::from(value < 10.0 && value.fract() > 0.005);
    format!("{value:.digits$}{name}")
}

fn bars(section: &Section) -> Vec<Bar<'_>> {
    section.rows.iter().filter_map(drawn).collect()
}

fn drawn(row: &Row) -> Option<Bar<'_>> {
    let (kind, what) = Kind::of(&row.what);
    let value = row.drawn()?;
    let ratio = row.ratio.zip(row.beside.as_ref());
    let beside = ratio.map(|(ratio, other)| format!("{} × {other}", rounded(ratio)));
    Some(Bar { kind, what, value, beside })
}

/// What the bars are, in a heading and a line below it.
fn heading(section: &Section, scale: Scale, unit: Unit) -> (String, String) {
    let (what, better) = match unit {
        Unit::ASecond => (format!("{} a second", section.unit), "longer is better"),
        Unit::Microseconds => ("half of all within".to_owned(), "shorter is better"),
    };
    let log = if scale.is_log { "; each line is ten times the one before" } else { "" };
    (section.title.to_owned(), format!("{what}; {better}{log}"))
}

/// The section as SVG.
pub(crate) fn draw(section: &Section) -> Result<String> {
    let bars = bars(section);
    let scale = Scale::of(&bars);
    let height = HEAD + ROW * bars.len() as i32 + FOOT;
    let mut svg = String::new();
    let is_rate = section.rows.iter().any(|row| row.per_second.is_some());
    let unit = if is_rate { Unit::ASecond } else { Unit::Microseconds };
    let heading = heading(section, scale, unit);
    {
        let root = SVGBackend::with_string(&mut svg, (WIDTH as u32, height as u32));
        let root = root.into_drawing_area();
        let failed = |error| anyhow!("the chart of `{}`: {error}", section.name);
        paint(&root, &bars, (scale, unit), &heading).map_err(failed)?;
    }
    Ok(dressed(&svg, &heading, &bars))
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Failure<'a> = DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>;

const FONT: &str = "system-ui, sans-serif";

fn text(size: u32, paint: &Paint, across: HPos) -> TextStyle<'static> {
    (FONT, size).into_font().color(&paint.0).pos(Pos::new(across, VPos::Center))
}

fn bold(size: u32, paint: &Paint, across: HPos) -> TextStyle<'static> {
    let font = (FONT, size).into_font().style(FontStyle::Bold);
    font.color(&paint.0).pos(Pos::new(across, VPos::Center))
}

fn paint<'a>(
    root: &Area<'a>,
    bars: &[Bar],
    (scale, unit): (Scale, Unit),
    heading: &(String, String),
) -> Result<(), Failure<'a>> {
    let bottom = HEAD + ROW * bars.len() as i32;
    let (right, end) = (WIDTH - MARGIN, bottom + FOOT);
    root.draw(&Rectangle::new([(0, 0), (WIDTH - 1, end - 1)], GROUND.0.filled()))?;
    root.draw(&Rectangle::new([(0, 0), (WIDTH - 1, end - 1)], EDGE.0.stroke_width(1)))?;
    let title = bold(22, &TEXT, HPos::Left);
    root.draw(&Text::new(heading.0.clone(), (MARGIN, 32), title))?;
    root.draw(&Text::new(heading.1.clone(), (MARGIN, 56), text(15, &QUIET, HPos::Left)))?;
    legend(root, bars)?;
    let along = RangedCoordf64::from(scale.from..scale.to);
    let place = |value: f64| along.map(&value, (MARGIN, right));
    for tick in scale.ticks() {
        let across = place(tick);
        root.draw(&PathElement::new([(across, HEAD - 4), (across, bottom + 6)], GRID.0))?;
        let side = if across == MARGIN { HPos::Left } else { HPos::Center };
        let number = brief(scale.value(tick), unit);
        root.draw(&Text::new(number, (across, bottom + 18), text(14, &QUIET, side)))?;
    }
    for (number, bar) in bars.iter().enumerate() {
        let top = HEAD + ROW * number as i32;
        let ends = place(scale.place(bar.value)).max(MARGIN + 2);
        let corners = [(MARGIN, top + 22), (ends, top + 22 + BAR)];
        root.draw(&Rectangle::new(corners, bar.kind.style()))?;
        root.draw(&Text::new(bar.what, (MARGIN, top + 11), text(16, &TEXT, HPos::Left)))?;
        let value = bold(16, &TEXT, HPos::Right);
        root.draw(&Text::new(brief(bar.value, unit), (right, top + 11), value))?;
        if let Some(beside) = &bar.beside {
            let place = (right - VALUE, top + 11);
            root.draw(&Text::new(beside.clone(), place, text(15, &QUIET, HPos::Right)))?;
        }
    }
    root.present()
}

/// What the kinds of bars mean, from the right.
fn legend<'a>(root: &Area<'a>, bars: &[Bar]) -> Result<(), Failure<'a>> {
    let mut right = WIDTH - MARGIN;
    for kind in [Kind::Floor, Kind::Peer, Kind::Own] {
        if bars.iter().any(|bar| bar.kind == kind) {
            root.draw(&Text::new(kind.name(), (right, 32), text(15, &QUIET, HPos::Right)))?;
            let left = right - LETTER * kind.name().len() as i32 - 16;
            root.draw(&Rectangle::new([(left, 27), (left + 10, 37)], kind.style()))?;
            right = left - 18;
        }
    }
    Ok(())
}

/// The picture with its words, and with colours for the dark.
fn dressed(svg: &str, heading: &(String, String), bars: &[Bar]) -> String {
    let mut words = format!("{}. ", heading.1);
    for bar in bars {
        let beside = bar.beside.as_ref().map(|beside| format!(", {beside}"));
        let (name, beside) = (bar.kind.name(), beside.unwrap_or_default());
        let _ = write!(words, "{} ({name}): {}{beside}. ", bar.what, short(bar.value));
    }
    let mut dark = String::new();
    for Paint(RGBColor(red, green, blue), dark_one) in PAINTS {
        let light = format!("#{red:02X}{green:02X}{blue:02X}");
        let _ = write!(dark, "[fill=\"{light}\"]{{fill:{dark_one}}}");
        let _ = write!(dark, "[stroke=\"{light}\"]{{stroke:{dark_one}}}");
    }
    let (title, words) = (escaped(&heading.0), escaped(words.trim_end()));
    let head = format!(
        "<title id=\"title\">{title}</title>\n<desc id=\"desc\">{words}</desc>\n\
         <style>rect{{rx:2px}}@media (prefers-color-scheme:dark){{{dark}}}</style>\n"
    );
    let svg = svg.replacen("<svg ", "<svg role=\"img\" aria-labelledby=\"title desc\" ", 1);
    svg.replacen(">\n", &format!(">\n{head}"), 1)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rounds::{Measured, Sample};

    fn row(what: &str, count: u64) -> Row {
        Row::new(what, &Measured(vec![Sample { count, seconds: 1.0, ..Sample::default() }]))
    }

    fn section(rows: Vec<Row>) -> Section {
        Section { name: "decide", title: "Decisions <&>", unit: "decisions", rows }
    }

    #[test]
    fn a_chart_says_in_words_what_it_shows() {
        let rows = vec![
            row("one & all", 1_500).beside(2.0, "another"),
            row("floor: a read", 3_000),
            row("counts something else", 7).aside(),
        ];
        let svg = draw(&section(rows)).unwrap();
        for words in [
            "<title id=\"title\">Decisions &lt;&amp;&gt;</title>",
            "one &amp; all (Sayso): 1,500, 2.00 × another. a read (floor): 3,000.",
            "aria-labelledby=\"title desc\"",
            "prefers-color-scheme:dark",
        ] {
            assert!(svg.contains(words), "no `{words}` in {svg}");
        }
        assert!(!svg.contains("something else"), "what counts something else is no bar");
    }

    #[test]
    fn an_axis_counts_in_powers_of_ten_only_if_the_bars_differ_much() {
        for (counts, is_log, from) in [([100, 150], false, 0.0), ([90, 90_000], true, 1.0)] {
            let section = section(counts.map(|count| row("a", count)).into());
            let scale = Scale::of(&bars(&section));
            assert_eq!((scale.is_log, scale.from), (is_log, from), "{counts:?}");
        }
    }

    #[test]
    fn figures_are_brief() {
        for (value, rate, time) in [
            (4_215_696.0, "4.2 M", "4.2 s"),
            (71_695.0, "72 k", "72 ms"),
            (2e3, "2 k", "2 ms"),
            (380.0, "380", "380 µs"),
            (0.31, "0.3", "0.3 µs"),
        ] {
            assert_eq!(brief(value, Unit::ASecond), rate);
            assert_eq!(brief(value, Unit::Microseconds), time);
        }
    }
}
