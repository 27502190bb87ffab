//! Builds the bundled component and tells the crate where it is.
//!
//! The component is built by a cargo of its own: for `wasm32-unknown-unknown`, with the profile
//! `component`, in a target folder that outlives this script's, and with nothing of the outer
//! build's flags. Cargo runs this script only when something that the component is made of has
//! changed.

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-unknown-unknown";
const PACKAGE: &str = "stripe-payment-provider";

/// What of the outer build must not reach the inner one.
const OUTER_BUILD: [&str; 8] = [
    "CARGO_BUILD_TARGET",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_TARGET_DIR",
    "CLIPPY_ARGS",
    "RUSTDOCFLAGS",
    "RUSTFLAGS",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC",
];

/// The stack is small, because each call begins with memory that has to be cleared; JSON as deep as
/// the parser allows needs less than a quarter of it. The linker leaves five bytes for every address,
/// most of which need one or two, unless it is told not to. SHA-256 is eight times as large with its
/// rounds unrolled.
const FLAGS: [&str; 5] = [
    "-Clink-arg=-zstack-size=131072",
    "-Clink-arg=-O2",
    "-Clink-arg=--compress-relocations",
    "--cfg",
    "sha2_backend_soft=\"compact\"",
];

/// The cargo and the compiler that build for the target.
enum Toolchain {
    /// The one that builds everything else, with the target added.
    Rustup,
    /// Debian's packages `rustc-web`, `cargo-web` and `rust-web-src`, which build the standard
    /// library from its source, and the linker of the other toolchain.
    Debian { linker: PathBuf },
}

fn main() -> Result<(), Box<dyn Error>> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    for path in ["src", "wit", "Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", workspace.join(path).display());
    }
    println!("cargo::rerun-if-changed=build.rs");

    let out_dir = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    // <target>/<profile>/build/<package>/out
    let target_dir = out_dir.ancestors().nth(4).ok_or("OUT_DIR is not cargo's")?.join("component");
    let module = build(&toolchain()?, &workspace, &target_dir)?;
    let component = wit_component::ComponentEncoder::default()
        .validate(true)
        .module(&fs::read(module)?)?
        .encode()?;
    let component = without_names(component)?;
    let path = out_dir.join("provider.wasm");
    fs::write(&path, component)?;
    println!("cargo::rustc-env=BUNDLED_COMPONENT={}", path.display());
    Ok(())
}

/// Takes out the names that the encoder gives to a component's parts: four kilobytes that only a
/// debugger reads.
fn without_names(mut component: Vec<u8>) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut names = None;
    for payload in wasmparser::Parser::new(0).parse_all(&component) {
        if let wasmparser::Payload::CustomSection(section) = payload?
            && section.name() == "component-name"
        {
            names = Some(section.range());
        }
    }
    if let Some(names) = names {
        let (start, end) = (usize::try_from(names.start)?, usize::try_from(names.end)?);
        // Before it stand its kind, a byte, and its length, seven bits to a byte.
        let bits = usize::BITS - (end - start).leading_zeros();
        component.drain(start - 1 - usize::try_from(bits.div_ceil(7))?..end);
    }
    Ok(component)
}

/// Builds the module, and says where it is.
fn build(
    toolchain: &Toolchain,
    workspace: &Path,
    target_dir: &Path,
) -> Result<PathBuf, Box<dyn Error>> {
    let mut cargo = match toolchain {
        Toolchain::Rustup => Command::new(cargo()),
        Toolchain::Debian { .. } => Command::new("/usr/bin/cargo"),
    };
    for name in OUTER_BUILD {
        cargo.env_remove(name);
    }
    cargo
        .current_dir(workspace)
        .env("CARGO_ENCODED_RUSTFLAGS", flags(workspace))
        .args(["build", "--locked", "--lib", "--profile", "component", "--target", TARGET])
        .args(["--package", PACKAGE])
        .arg("--target-dir")
        .arg(target_dir);
    if let Toolchain::Debian { linker } = toolchain {
        cargo
            .env("RUSTC", "/usr/bin/rustc")
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker)
            .args(["-Zbuild-std=std,panic_abort", "-Zbuild-std-features=optimize_for_size"]);
    }
    let output = cargo.output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("the component could not be built:\n{said}").into());
    }
    let name = PACKAGE.replace('-', "_");
    Ok(target_dir.join(TARGET).join("component").join(name).with_extension("wasm"))
}

/// The flags, and nothing of this machine in what they make: panics name the files that they are in.
/// They are separated so that a path may hold spaces.
fn flags(workspace: &Path) -> OsString {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| env::home_dir().map(|home| home.join(".cargo")));
    let mut flags = OsString::from(FLAGS.join("\u{1f}"));
    for (path, name) in home.iter().map(|home| (home.as_path(), "cargo")).chain([(workspace, ".")])
    {
        flags.push("\u{1f}--remap-path-prefix=");
        flags.push(path);
        flags.push("=");
        flags.push(name);
    }
    flags
}

/// A toolchain that can build for the target. The target is added where it is missing.
fn toolchain() -> Result<Toolchain, Box<dyn Error>> {
    let sysroot = sysroot()?;
    let has_target = || sysroot.join("lib/rustlib").join(TARGET).join("lib").is_dir();
    if has_target() {
        return Ok(Toolchain::Rustup);
    }
    let added = Command::new("rustup").args(["target", "add", TARGET]).output();
    if added.is_ok_and(|output| output.status.success()) && has_target() {
        return Ok(Toolchain::Rustup);
    }
    let linker = sysroot.join("lib/rustlib").join(env::var("HOST")?).join("bin/rust-lld");
    let debian = Command::new("/usr/bin/rustc").args(["--print", "sysroot"]).output();
    if debian.is_ok_and(|output| output.status.success()) && linker.is_file() {
        return Ok(Toolchain::Debian { linker });
    }
    Err(format!(
        "The component is built for {TARGET}, which is missing and could not be added: run \
         `rustup target add {TARGET}`, or on Debian `apt install rustc-web cargo-web rust-web-src`."
    )
    .into())
}

fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

fn sysroot() -> Result<PathBuf, Box<dyn Error>> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).args(["--print", "sysroot"]).output()?;
    Ok(PathBuf::from(String::from_utf8(output.stdout)?.trim()))
}
