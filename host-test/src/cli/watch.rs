//! `serve --watch`: a component that was built again serves the next call.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::CommandError;
use super::global::Global;
use super::plugin::read_component;
use crate::contract::types::Problem;
use crate::marketplace::{Error, Providers};
use crate::plugin::{Compiler, LoadError, Plugin, sha256};

/// The time between two looks at the files. Our own choice: a change is seen within a second, and no system's own way of
/// watching is needed.
const PAUSE: Duration = Duration::from_millis(400);

/// The components' files.
pub struct Watch {
    files: Vec<Watched>,
    compiler: Compiler,
}

/// A component's file.
struct Watched {
    path: PathBuf,
    provider: String,
    /// As it was at the last look. A file that is being written changes between two looks.
    seen: Option<Stamp>,
    /// As it was when it was read.
    read: Option<Stamp>,
    /// It was read and waits for an operator's approval.
    waiting: Option<Plugin>,
}

/// The size of a file and when it was changed.
type Stamp = (u64, Option<SystemTime>);

impl Watch {
    /// Watches the files of `--component` and `--plugin`, which are loaded.
    pub fn of(global: &Global, providers: &Providers) -> Result<Self, CommandError> {
        let all = providers.all();
        // The built-in plugin comes first where no file takes its place.
        let built_in = usize::from(global.component.is_none());
        let of_files = all.iter().skip(built_in);
        let files = global.component.iter().chain(&global.plugin).zip(of_files);
        let files: Vec<Watched> = files
            .map(|(path, marketplace)| {
                let provider = marketplace.plugin().manifest().provider_id.clone();
                // It may have changed since it was loaded: the first look reads it again.
                Watched { path: path.clone(), provider, seen: None, read: None, waiting: None }
            })
            .collect();
        if files.is_empty() {
            return Err(CommandError::Usage(nothing_to_watch()));
        }
        Ok(Self { files, compiler: global.compiler()? })
    }

    /// Watches until it is cancelled.
    pub async fn run(mut self, providers: Providers) {
        let mut looks = tokio::time::interval(PAUSE);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            for file in &mut self.files {
                file.look(&providers, &self.compiler).await;
            }
        }
    }
}

impl Watched {
    async fn look(&mut self, providers: &Providers, compiler: &Compiler) {
        let now = stamp(&self.path);
        let is_written = now.is_some() && now == self.seen;
        self.seen = now;
        if is_written && now != self.read {
            self.read = now;
            self.waiting = None;
            match self.load(providers, compiler).await {
                Ok(Some(plugin)) => self.replace(providers, plugin, true).await,
                Ok(None) => {}
                Err(error) => self.refused(&error.problem()),
            }
        } else if let Some(plugin) = self.waiting.take() {
            self.replace(providers, plugin, false).await;
        }
    }

    /// The plugin in the file. None: it is the one that is in use.
    async fn load(
        &self,
        providers: &Providers,
        compiler: &Compiler,
    ) -> Result<Option<Plugin>, LoadError> {
        let path = self.path.clone();
        let read = move || {
            let bytes = read_component(&path)?;
            let hash = sha256(&bytes);
            Ok::<_, LoadError>((bytes, hash))
        };
        // A task that is stopped ends with the process.
        let Ok(read) = tokio::task::spawn_blocking(read).await else { return Ok(None) };
        let (bytes, hash) = read?;
        let present = providers.of(&self.provider);
        if present.is_some_and(|present| present.plugin().sha256() == hash) {
            return Ok(None);
        }
        Plugin::load(&bytes, compiler).await.map(Some)
    }

    async fn replace(&mut self, providers: &Providers, plugin: Plugin, is_new: bool) {
        let component = plugin.sha256().to_owned();
        match providers.replace(&self.provider, plugin.clone()).await {
            Ok(()) => {
                tracing::info!(provider = self.provider, component, "the component was replaced");
            }
            // It is of another provider: it can never take the place.
            Err(error @ Error::ProviderChanged { .. }) => self.refused(&error.problem()),
            // An operator approves it, or the ledger is free again.
            Err(error) => {
                if is_new {
                    self.refused(&error.problem());
                }
                self.waiting = Some(plugin);
            }
        }
    }

    /// The one before stays in use.
    fn refused(&self, problem: &Problem) {
        tracing::error!(
            provider = self.provider,
            file = %self.path.display(),
            code = problem.code,
            "the changed component is not used, and the one before stays: {} {}",
            problem.message,
            problem.remedy.join(" "),
        );
    }
}

fn stamp(path: &PathBuf) -> Option<Stamp> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.len(), metadata.modified().ok()))
}

fn nothing_to_watch() -> Problem {
    Problem::new(
        "nothing-to-watch",
        "There is no component's file that could change: the built-in plugin is in use.",
        &["Give a file with --component or --plugin, or leave out --watch."],
    )
}
