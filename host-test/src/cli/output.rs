//! The output of a command: text for a person, JSON for a program.

use std::fmt::Write as _;
use std::io::Write as _;

use anstyle::{AnsiColor, Effects, Style};
use serde_json::Value;

use crate::contract::types::{Mode, Problem};
use crate::views::{self, printable};

/// The output of a command.
pub struct Output {
    /// For a program.
    pub json: Value,
    /// For a person.
    pub text: String,
    /// The exit code of the process.
    pub exit_code: u8,
    /// Whether the command has printed everything already.
    is_silent: bool,
}

impl Output {
    /// The output of a command that succeeded.
    pub fn new(json: Value, text: impl Into<String>) -> Self {
        Self { json, text: text.into(), exit_code: 0, is_silent: false }
    }

    /// The output of a command that has printed everything already.
    pub fn silent() -> Self {
        Self { is_silent: true, ..Self::new(Value::Null, "") }
    }

    /// Sets the exit code.
    pub fn exit_code(mut self, exit_code: u8) -> Self {
        self.exit_code = exit_code;
        self
    }

    /// Prints the output on standard output.
    pub fn print(&self, as_json: bool) {
        if self.is_silent {
            return;
        }
        if as_json {
            print_line(&views::visible(self.json.clone()).to_string());
        } else {
            print_line(&colored(&printable(&self.text)));
        }
    }
}

/// A word of a command that is printed to be copied, quoted if a shell would not take it as it is.
pub fn shell_word(word: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || "-_./".contains(letter);
    // Behind `./` a name that begins with `-` is no option.
    let word = if word.starts_with('-') { &format!("./{word}") } else { word };
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Prints a line on standard output, with colours only on a terminal that supports them. A closed
/// pipe is ignored.
pub fn print_line(line: &str) {
    let mut output = anstream::stdout();
    let _ = writeln!(output, "{line}").and_then(|()| output.flush());
}

/// Prints text on standard error, beside the output of the command.
pub fn print_beside(text: &str) {
    anstream::eprintln!("{}", colored(&printable(text.trim_end())));
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

/// The steps of a remedy, numbered if there are several.
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
        eprintln!("{}", views::visible(views::problem(problem)));
    } else {
        print_beside(&problem_text(problem));
    }
}

/// The style of a verdict or a mode at the beginning of a line.
const PREFIX_STYLES: [(&str, Style); 6] = [
    ("✓", AnsiColor::Green.on_default()),
    ("!", AnsiColor::Yellow.on_default()),
    ("✗", AnsiColor::Red.on_default().effects(Effects::BOLD)),
    ("?", Style::new().effects(Effects::DIMMED)),
    ("[TEST]", AnsiColor::Yellow.on_default().effects(Effects::INVERT)),
    ("[LIVE]", AnsiColor::Green.on_default().effects(Effects::INVERT)),
];

/// The text with colours. They are added last, so that text of a plugin or a provider cannot bring its
/// own.
fn colored(text: &str) -> String {
    let mut colored = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let matches = |(prefix, _): &&(&str, Style)| line.starts_with(prefix);
        match PREFIX_STYLES.iter().find(matches) {
            Some((prefix, style)) => {
                let rest = line.strip_prefix(prefix).unwrap_or_default();
                let _ = write!(colored, "{style}{prefix}{style:#}{rest}");
            }
            None => colored.push_str(line),
        }
    }
    colored
}

/// The badge of a mode for a person.
pub fn badge(mode: Mode) -> &'static str {
    match mode {
        Mode::Test => "[TEST]",
        Mode::Live => "[LIVE]",
    }
}

/// A time in Unix seconds for a person, such as `2026-01-31T12:00:00Z`.
pub fn date(at: u64) -> String {
    // The end of the year 9999, after which there is no such form. A plugin may say anything.
    let at = at.min(253_402_300_799);
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(at);
    humantime::format_rfc3339_seconds(time).to_string()
}
