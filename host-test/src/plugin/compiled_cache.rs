//! The cache of compiled code: a folder with a file for each component and compiler.
//!
//! Nobody but the owner of the vault's key can add to it: each file has a code of authentication. A file that is
//! damaged or was changed is compiled again. It is never an error that the cache cannot be used, only slower.

use std::fs::{self, DirBuilder, File};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use wasmtime::Engine;
use wasmtime::component::Component;

use super::compiled_code::{AuthenticationKey, CompiledCode, MAXIMUM_CODE, Origin, TAG};
use crate::vault::SecretKey;

/// The folder in the data folder.
const FOLDER: &str = "compiled";
/// What its key is derived for.
const PURPOSE: &str = "authenticates compiled components";
/// How many files are kept: those that were used last. Our own choice.
const MAXIMUM_FILES: usize = 8;
/// How large they may be together, in bytes. Our own choice.
const MAXIMUM_BYTES: u64 = 1 << 30;
/// The extension of a file.
const EXTENSION: &str = "compiled";
/// What the name of an unfinished file begins with.
const UNFINISHED: &str = "new-";
/// After this time nobody writes to an unfinished file any more.
const WRITING: Duration = Duration::from_hours(1);

/// The cache. `Debug` shows no key.
pub struct CompiledCache {
    folder: PathBuf,
    key: AuthenticationKey,
}

impl std::fmt::Debug for CompiledCache {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("CompiledCache").field(&self.folder).finish()
    }
}

impl CompiledCache {
    /// The cache in a data folder, which exists. None: its folder cannot be created, or somebody else could write
    /// to it.
    #[must_use]
    pub fn open(data_dir: &Path, key: &SecretKey) -> Option<Self> {
        let folder = data_dir.join(FOLDER);
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        match builder.create(&folder) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                tracing::warn!(%error, "there is no cache of compiled code");
                return None;
            }
            _ => {}
        }
        if !is_private(&folder) {
            tracing::warn!(
                "the cache of compiled code is not used: others could write to its folder"
            );
            return None;
        }
        Some(Self { folder, key: key.derived(PURPOSE) })
    }

    /// Deletes the compiled code in a data folder: it was stored under another key. What is left is compiled again.
    pub fn clear(data_dir: &Path) {
        let _ = fs::remove_dir_all(data_dir.join(FOLDER));
    }

    /// The place of a component's code.
    pub(super) fn entry(&self, engine: &Engine, component: &[u8]) -> Entry<'_> {
        let origin = Origin::new(engine, component);
        let [component, engine] = [origin.component, origin.engine].map(|hash| hexadecimal(&hash));
        let path = self.folder.join(format!("{component}-{engine}.{EXTENSION}"));
        Entry { cache: self, origin, path }
    }

    /// Deletes what is too much. Another process may do the same.
    fn prune(&self) -> std::io::Result<()> {
        let mut files = Vec::new();
        for found in fs::read_dir(&self.folder)? {
            let path = found?.path();
            // Another process may have deleted it.
            let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
            let modified = metadata.modified()?;
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if path.extension().is_some_and(|extension| extension == EXTENSION) {
                files.push((modified, metadata.len(), path));
            } else if name.starts_with(UNFINISHED)
                && modified.elapsed().is_ok_and(|age| age > WRITING)
            {
                // Its writer was killed.
                let _ = fs::remove_file(path);
            }
        }
        for path in superfluous(files) {
            let _ = fs::remove_file(path);
        }
        Ok(())
    }
}

/// The files that are too many or too much, of files with the time of their last use and their size in bytes.
fn superfluous(mut files: Vec<(SystemTime, u64, PathBuf)>) -> Vec<PathBuf> {
    files.sort_unstable_by(|one, other| other.cmp(one));
    let (mut number, mut bytes) = (0, 0);
    let is_too_much = |&(_, size, _): &(SystemTime, u64, PathBuf)| {
        (number, bytes) = (number + 1, bytes + size);
        number > MAXIMUM_FILES || bytes > MAXIMUM_BYTES
    };
    files.into_iter().filter(is_too_much).map(|(_, _, path)| path).collect()
}

/// The place of one component's code in the cache.
pub(super) struct Entry<'a> {
    cache: &'a CompiledCache,
    origin: Origin,
    path: PathBuf,
}

impl Entry<'_> {
    /// The component, if its code is there and is what was stored.
    pub fn load(&self, engine: &Engine) -> Option<Component> {
        let stored = match self.read() {
            Ok(stored) => stored,
            Err(error) if error.kind() == ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(%error, "compiled code cannot be read; it is compiled again");
                return None;
            }
        };
        let Some(code) = CompiledCode::authenticated(&stored, &self.cache.key, self.origin) else {
            tracing::warn!("compiled code was changed or is incomplete; it is compiled again");
            return None;
        };
        match code.load(engine) {
            Ok(component) => Some(component),
            Err(error) => {
                tracing::warn!(%error, "compiled code cannot be used; it is compiled again");
                None
            }
        }
    }

    fn read(&self) -> std::io::Result<Vec<u8>> {
        let metadata = fs::symlink_metadata(&self.path)?;
        let maximum = (MAXIMUM_CODE + TAG) as u64;
        if !metadata.is_file() || metadata.len() > maximum {
            return Err(ErrorKind::InvalidData.into());
        }
        let file = File::open(&self.path)?;
        let mut stored = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
        (&file).take(maximum).read_to_end(&mut stored)?;
        // The files that were used last are kept. It is not worth an error.
        let _ = file.set_modified(SystemTime::now());
        Ok(stored)
    }

    /// Stores the code in place of what is there.
    pub fn store(&self, code: &CompiledCode<'_>) {
        if let Err(error) = self.write(code).and_then(|()| self.cache.prune()) {
            tracing::warn!(%error, "compiled code cannot be stored");
        }
    }

    /// Writes a temporary file, which only its owner may read, and renames it: a reader sees all of it or nothing.
    /// It is not synchronised with the disk, because a part of it is found out and compiled again.
    fn write(&self, code: &CompiledCode<'_>) -> std::io::Result<()> {
        let builder = &mut tempfile::Builder::new();
        let mut temporary = builder.prefix(UNFINISHED).tempfile_in(&self.cache.folder)?;
        temporary.write_all(&code.tag(&self.cache.key, self.origin))?;
        temporary.write_all(code.bytes())?;
        temporary.persist(&self.path)?;
        Ok(())
    }
}

/// Whether it is a folder of ours, no link to one, that only we can write to.
#[cfg(unix)]
fn is_private(folder: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    fs::symlink_metadata(folder).is_ok_and(|found| {
        found.is_dir()
            && found.uid() == rustix::process::geteuid().as_raw()
            && found.mode() & 0o022 == 0
    })
}

/// Whether it is a folder, no link to one. Who can write to it is not known here.
#[cfg(not(unix))]
fn is_private(folder: &Path) -> bool {
    fs::symlink_metadata(folder).is_ok_and(|found| found.is_dir())
}

fn hexadecimal(hash: &[u8]) -> String {
    base16ct::lower::encode_string(hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::engine;
    use crate::vault::Vault;

    /// The code is for the processor, the version and the configuration for which it was compiled.
    #[test]
    fn other_engine_has_other_cache_entries() {
        let data = tempfile::tempdir().unwrap();
        let key = Vault::of(data.path()).create().unwrap();
        let cache = CompiledCache::open(data.path(), &key).unwrap();
        let component = wat::parse_str("(component)").unwrap();
        let mut config = engine::compiling(engine::Counting::Nothing);
        let engine = Engine::new(&config).unwrap();
        let other = Engine::new(config.epoch_interruption(false)).unwrap();
        let entry = cache.entry(&engine, &component);
        entry.store(&CompiledCode::of_child(&engine.precompile_component(&component).unwrap()));
        assert!(cache.entry(&engine, &component).load(&engine).is_some());
        let other_entry = cache.entry(&other, &component);
        assert_ne!(entry.path, other_entry.path);
        assert!(other_entry.load(&other).is_none());
        // Another name does not make it code for the other engine.
        fs::rename(&entry.path, &other_entry.path).unwrap();
        assert!(other_entry.load(&other).is_none());
    }

    #[test]
    fn files_that_were_used_last_are_kept() {
        let names = |sizes: &[u64]| {
            let files = sizes.iter().zip(1..).map(|(&size, seconds)| {
                let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
                (time, size, PathBuf::from(seconds.to_string()))
            });
            let deleted = superfluous(files.collect()).into_iter();
            deleted.map(|path| path.to_string_lossy().into_owned()).collect::<Vec<_>>()
        };
        assert!(names(&[1; MAXIMUM_FILES]).is_empty());
        assert_eq!(names(&[1; MAXIMUM_FILES + 2]), ["2", "1"]);
        assert_eq!(names(&[1, MAXIMUM_BYTES, 1]), ["2", "1"]);
        assert_eq!(names(&[MAXIMUM_BYTES - 1, 1]), Vec::<String>::new());
    }
}
