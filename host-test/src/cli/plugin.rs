//! The plugin of a command: its component's file, the compiler, and the cache of compiled code.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::CommandError;
use super::global::Global;
use crate::bundled;
use crate::marketplace::{Error, vault_of};
use crate::plugin::{CompiledCache, Compiler, LoadError, MAXIMUM_COMPONENT, Plugin};
use crate::vault::Vault;

impl Global {
    /// The plugin of `--component`, or the built-in one, and those of `--plugin`.
    pub async fn plugins(&self) -> Result<(Plugin, Vec<Plugin>), LoadError> {
        let compiler = self.compiler()?;
        let first = Plugin::load(&self.component()?, &compiler).await?;
        let mut others = Vec::new();
        for file in &self.plugin {
            others.push(Plugin::load(&read_component(file)?, &compiler).await?);
        }
        Ok((first, others))
    }

    /// The file of the plugin that is meant, and the plugin, for a tool that only looks and has no installation: the one of
    /// `--provider` among those of `--component` and `--plugin`, or the only one. No file: the built-in one.
    pub async fn looked_at(
        &self,
        compiler: Compiler,
    ) -> Result<(Option<PathBuf>, Plugin), CommandError> {
        let first = Plugin::load(&self.component()?, &compiler).await?;
        let mut plugins = vec![(self.component.clone(), first)];
        for file in &self.plugin {
            let plugin = Plugin::load(&read_component(file)?, &compiler).await?;
            plugins.push((Some(file.clone()), plugin));
        }
        let refused = |error: Error| CommandError::Usage(error.problem());
        let id = |plugin: &Plugin| plugin.manifest().provider_id.clone();
        let ids = plugins.iter().map(|(_, plugin)| id(plugin)).collect();
        let is_several = plugins.len() > 1;
        let mut plugins = plugins.into_iter();
        let meant = match &self.provider {
            Some(meant) => plugins.find(|(_, plugin)| id(plugin) == *meant),
            None if is_several => return Err(refused(Error::ProviderNotChosen(ids))),
            None => plugins.next(),
        };
        meant.ok_or_else(|| refused(Error::ProviderUnknown(ids)))
    }

    pub fn component(&self) -> Result<Cow<'static, [u8]>, LoadError> {
        match &self.component {
            Some(path) => read_component(path).map(Cow::Owned),
            None => Ok(Cow::Borrowed(bundled::COMPONENT)),
        }
    }

    /// This program as the compiler, with a cache in the data folder if there can be one. What is wrong with the
    /// folder is told by the commands that cannot do without it.
    pub fn compiler(&self) -> Result<Compiler, LoadError> {
        let cache = self.data_dir().and_then(|data_dir| cache(&data_dir));
        Ok(Compiler::of_this_program()?.with_cache(cache))
    }

    /// The same for a tool that only looks: it makes no data folder and no key.
    pub fn looking_compiler(&self) -> Result<Compiler, LoadError> {
        let has_key = |data_dir: &PathBuf| Vault::of(data_dir).read().is_ok();
        let cache = self.data_dir().filter(has_key).and_then(|data_dir| cache(&data_dir));
        Ok(Compiler::of_this_program()?.with_cache(cache))
    }
}

fn cache(data_dir: &Path) -> Option<CompiledCache> {
    let key = vault_of(data_dir).and_then(|vault| Ok(vault.read()?)).ok()?;
    CompiledCache::open(data_dir, &key)
}

/// Reads a component's file. Of one that is too large, so much is read that the loader refuses it.
pub fn read_component(path: &Path) -> Result<Vec<u8>, LoadError> {
    let mut component = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAXIMUM_COMPONENT as u64 + 1).read_to_end(&mut component))
        .map_err(|error| LoadError::Unreadable(path.to_owned(), error))?;
    Ok(component)
}
