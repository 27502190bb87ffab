//! `attention`: what needs a person.

use std::fmt::Write as _;

use clap::{Args, Subcommand};

use super::CommandError;
use super::output::{Output, badge, date, steps};
use crate::marketplace::{AttentionItem, ClosedItem, Marketplace};
use crate::views;

/// The arguments of `attention`.
#[derive(Args)]
pub struct AttentionArgs {
    /// Show the entries that were closed last, with their notes
    #[arg(long)]
    closed: bool,
    #[command(subcommand)]
    command: Option<AttentionCommand>,
}

#[derive(Subcommand)]
enum AttentionCommand {
    /// Accepts the money that an entry is about: an open payment is approved with what has arrived
    Accept {
        /// The entry's number
        id: u64,
    },
    /// Closes an entry, with a note of what was done
    Resolve {
        /// The entry's number
        id: u64,
        /// What was done, for whoever looks later: see `attention --closed`
        #[arg(long, value_name = "TEXT", value_parser = note)]
        note: String,
    },
}

pub async fn attention(
    marketplace: &Marketplace,
    args: AttentionArgs,
) -> Result<Output, CommandError> {
    match args.command {
        None if args.closed => closed(marketplace).await,
        None => list(marketplace).await,
        Some(AttentionCommand::Accept { id }) => {
            marketplace.accept_attention(id).await?;
            let text = format!(
                "Accepted. Entry {id} is closed. If the flow was waiting, it is told Approved; if the payment was over, it stays so."
            );
            Ok(Output::new(views::accepted(id), text))
        }
        Some(AttentionCommand::Resolve { id, note }) => {
            marketplace.resolve_attention(id, &note).await?;
            Ok(Output::new(views::resolved(id), format!("Entry {id} is closed.")))
        }
    }
}

/// A note that says something.
fn note(text: &str) -> Result<String, String> {
    if text.trim().is_empty() { Err("say what was done".to_owned()) } else { Ok(text.to_owned()) }
}

async fn closed(marketplace: &Marketplace) -> Result<Output, CommandError> {
    let items = marketplace.closed_attention().await?;
    let text = |closed: &ClosedItem| {
        let note = closed.note.as_deref().map_or_else(String::new, |note| format!(": {note}"));
        let item = &closed.item;
        format!(
            "{} {}  {}  {}, {} {}{note}\n  {}",
            badge(item.mode),
            item.id,
            item.reference.as_deref().unwrap_or_default(),
            item.problem.code,
            closed.by,
            date(closed.at),
            item.problem.message
        )
    };
    let lines: Vec<String> = items.iter().map(text).collect();
    let text =
        if lines.is_empty() { "Nothing was closed yet.".to_owned() } else { lines.join("\n") };
    Ok(Output::new(views::closed_attention(&items), text))
}

async fn list(marketplace: &Marketplace) -> Result<Output, CommandError> {
    let items = marketplace.attention().await?;
    let text = if items.is_empty() {
        "Nothing needs your attention.".to_owned()
    } else {
        items.iter().map(item_text).collect::<Vec<_>>().join("\n")
    };
    Ok(Output::new(views::attention(&items), text))
}

fn item_text(item: &AttentionItem) -> String {
    let mut text = format!("{} {}", badge(item.mode), item.id);
    if let Some(reference) = &item.reference {
        let _ = write!(text, "  {reference}");
    }
    if let Some(payment) = &item.payment {
        let _ = write!(text, " ({payment})");
    }
    let _ = writeln!(text, "  {}, since {}", item.problem.code, date(item.since));
    if let Some(due_by) = item.due_by {
        let _ = writeln!(text, "  answer until {}", date(due_by));
    }
    let _ = writeln!(text, "  {}", item.problem.message);
    text.push_str(&steps(&item.problem.remedy));
    text.trim_end().to_owned()
}
