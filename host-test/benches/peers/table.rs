//! The table of a run: medians of ours and of a peer, and their ratio.

/// What a number is.
#[derive(Clone, Copy)]
pub enum Unit {
    /// Nanoseconds, which are shown as microseconds.
    Nanoseconds,
    /// Microseconds, which are shown as milliseconds.
    Microseconds,
    PerSecond,
}

/// Measurements of the same figure, taken in turn.
pub struct Measured<'a> {
    pub name: &'a str,
    pub values: Vec<f64>,
}

/// Rows of Markdown.
pub struct Table(Vec<String>);

impl Table {
    pub fn new() -> Self {
        let heads = ["figure | ours | peer | ours ÷ peer", "--- | --- | --- | ---"];
        Self(heads.map(|head| format!("| {head} |")).into())
    }

    pub fn compare(&mut self, figure: &str, unit: Unit, ours: &Measured, peer: &Measured) {
        let (our_median, peer_median) = (median(&ours.values), median(&peer.values));
        let cell =
            |measured: &Measured, median| format!("{}: {}", measured.name, shown(median, unit));
        let (ours, peer) = (cell(ours, our_median), cell(peer, peer_median));
        self.0.push(format!("| {figure} | {ours} | {peer} | {:.2} |", our_median / peer_median));
    }

    /// What is missing is said.
    pub fn not_compared(&mut self, figure: &str, reason: &str) {
        self.0.push(format!("| {figure} | | not compared: {reason} | |"));
    }

    pub fn print(&self) {
        println!("{}", self.0.join("\n"));
    }
}

fn shown(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Nanoseconds => format!("{:.1} µs", value / 1000.0),
        Unit::Microseconds => format!("{:.2} ms", value / 1000.0),
        Unit::PerSecond => format!("{value:.0} /s"),
    }
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_unstable_by(f64::total_cmp);
    f64::midpoint(values[(values.len() - 1) / 2], values[values.len() / 2])
}
