//! What a command prints: for a person, or for a program.

use std::fmt::Write as _;
use std::io::Write as _;

use anstyle::{AnsiColor, Effects, Style};
use serde_json::{Value, json};

use crate::contract::types::{Mode, Problem};

/// The answer of a command.
pub struct Output {
    /// For a program.
    pub json: Value,
    /// For a person.
    pub text: String,
    /// What the process ends with.
    pub exit_code: u8,
    /// Whether all has been said already.
    is_silent: bool,
}

impl Output {
    /// The answer of a command that did what it should.
    pub fn new(json: Value, text: impl Into<String>) -> Self {
        Self { json, text: text.into(), exit_code: 0, is_silent: false }
    }

    /// The end of a command that has printed what it had to say.
    pub fn silent() -> Self {
        Self { is_silent: true, ..Self::new(Value::Null, "") }
    }

    /// The same, with another exit code.
    pub fn exit_code(mut self, exit_code: u8) -> Self {
        self.exit_code = exit_code;
        self
    }

    /// Prints it on standard output.
    pub fn print(&self, as_json: bool) {
        if self.is_silent {
            return;
        }
        if as_json {
            print_line(&self.json.to_string());
        } else {
            print_line(&painted(&printable(&self.text)));
        }
    }
}

/// Prints a line on standard output, with its colours only on a terminal that wants them. A reader
/// that has gone away is no concern of ours.
pub fn print_line(line: &str) {
    let mut output = anstream::stdout();
    let _ = writeln!(output, "{line}").and_then(|()| output.flush());
}

/// A problem for a program.
pub fn problem_json(problem: &Problem) -> Value {
    json!({ "code": problem.code, "message": problem.message, "remedy": problem.remedy })
}

/// A problem for a person: the sentence, the steps and the code.
pub fn problem_text(problem: &Problem) -> String {
    let mut text = format!("{}\n", problem.message);
    text.push_str(&steps(&problem.remedy));
    text.push_str("  (code: ");
    text.push_str(&problem.code);
    text.push(')');
    text
}

/// The steps of a remedy, numbered where there are several.
pub fn steps(remedy: &[String]) -> String {
    match remedy {
        [] => String::new(),
        [step] => format!("  → {step}\n"),
        steps => {
            let lines = steps.iter().zip(1..).map(|(step, number)| format!("  {number}. {step}\n"));
            lines.collect()
        }
    }
}

/// Prints a problem on standard error.
pub fn print_problem(problem: &Problem, as_json: bool) {
    if as_json {
        eprintln!("{}", problem_json(problem));
    } else {
        anstream::eprintln!("{}", painted(&printable(&problem_text(problem))));
    }
}

/// A text without what would steer the terminal: a part of it may be a plugin's or a provider's.
fn printable(text: &str) -> String {
    text.chars().filter(|&c| c == '\n' || !c.is_control()).collect()
}

/// What a verdict or a mode looks like at the beginning of a line.
const PAINT: [(&str, Style); 6] = [
    ("✓", AnsiColor::Green.on_default()),
    ("!", AnsiColor::Yellow.on_default()),
    ("✗", AnsiColor::Red.on_default().effects(Effects::BOLD)),
    ("?", Style::new().effects(Effects::DIMMED)),
    ("[TEST]", AnsiColor::Yellow.on_default().effects(Effects::INVERT)),
    ("[LIVE]", AnsiColor::Green.on_default().effects(Effects::INVERT)),
];

/// A finished text with its colours. They come last, so that no text of a plugin's or a provider's
/// can bring its own.
fn painted(text: &str) -> String {
    let mut painted = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let begins = |(mark, _): &&(&str, Style)| line.starts_with(mark);
        match PAINT.iter().find(begins) {
            Some((mark, style)) => {
                let rest = line.strip_prefix(mark).unwrap_or_default();
                let _ = write!(painted, "{style}{mark}{style:#}{rest}");
            }
            None => painted.push_str(line),
        }
    }
    painted
}

/// The badge of a mode for a person.
pub fn badge(mode: Mode) -> &'static str {
    match mode {
        Mode::Test => "[TEST]",
        Mode::Live => "[LIVE]",
    }
}
