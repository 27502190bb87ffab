//! What a command prints: for a person, or for a program.

use std::io::Write as _;

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
}

impl Output {
    /// The answer of a command that did what it should.
    pub fn new(json: Value, text: impl Into<String>) -> Self {
        Self { json, text: text.into(), exit_code: 0 }
    }

    /// The same, with another exit code.
    pub fn exit_code(mut self, exit_code: u8) -> Self {
        self.exit_code = exit_code;
        self
    }

    /// Prints it on standard output.
    pub fn print(&self, as_json: bool) {
        if as_json {
            print_line(&self.json.to_string());
        } else if !self.text.is_empty() {
            print_line(&printable(&self.text));
        }
    }
}

/// Prints a line on standard output. A reader that has gone away is no concern of ours.
pub fn print_line(line: &str) {
    let mut output = std::io::stdout();
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
        eprintln!("{}", printable(&problem_text(problem)));
    }
}

/// A text without what would steer the terminal: a part of it may be a plugin's or a provider's.
fn printable(text: &str) -> String {
    text.chars().filter(|&c| c == '\n' || !c.is_control()).collect()
}

/// The word of a mode for a program.
pub fn mode_word(mode: Mode) -> &'static str {
    match mode {
        Mode::Test => "test",
        Mode::Live => "live",
    }
}

/// The badge of a mode for a person.
pub fn badge(mode: Mode) -> &'static str {
    match mode {
        Mode::Test => "[TEST]",
        Mode::Live => "[LIVE]",
    }
}
