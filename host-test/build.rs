//! Builds the bundled component and the guests of the tests, and sets their paths as environment variables.
//!
//! An inner cargo builds them for `wasm32-unknown-unknown` with the profile `component`, in its own target
//! folder, without the flags of the outer build. Cargo runs this script only after a change of their sources.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

const TARGET: &str = "wasm32-unknown-unknown";
/// The packages, and the variables of their components' paths.
const PACKAGES: [(&str, &str); 4] = [
    ("stripe-payment-provider", "BUNDLED_COMPONENT"),
    // The plugin to copy, for tests.
    ("andes-pay", "ANDES_PAY_COMPONENT"),
    // Only for tests. They are small, and another build would take longer.
    ("test-guest", "TEST_GUEST_COMPONENT"),
    ("hostile-guest", "HOSTILE_GUEST_COMPONENT"),
];
/// As `PACKAGES`, built apart: with other features of a package that stands above.
const MUTANTS: [(&str, &str); 1] = [("mutants", "MUTANTS_COMPONENT")];

/// The variables of the outer build that the inner cargo must not see.
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

/// The stack is small, because what a call has written is cleared after it; the deepest JSON that the parser allows
/// needs about a quarter of it. The heap begins with what a delivery of 16 KiB needs: each growth of the memory is
/// a system call that stops all threads of the host. `simd128`: SHA-256 takes a quarter less time with vectors.
/// `-inline-threshold`: with LLVM's own, 225, the component is a quarter larger and no faster.
/// `--compress-relocations`: the linker shortens addresses that it would write with five bytes.
const FLAGS: [&str; 6] = [
    "-Ctarget-feature=+simd128",
    "-Cllvm-args=-inline-threshold=100",
    "-Clink-arg=-zstack-size=131072",
    "-Clink-arg=--initial-heap=65536",
    "-Clink-arg=-O2",
    "-Clink-arg=--compress-relocations",
];

/// The toolchain of the inner build.
enum Toolchain {
    /// The toolchain of the outer build, with the target added.
    Rustup,
    /// Debian's packages `rustc-web`, `cargo-web` and `rust-web-src`, which build the standard library from
    /// source, with the linker of the outer toolchain.
    Debian { linker: PathBuf },
}

fn main() -> Result<()> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    for path in [
        "src",
        "wit",
        "host-test/examples/andes-pay/Cargo.toml",
        "host-test/examples/andes-pay/src",
        "host-test/hostile-guest",
        "host-test/mutants",
        "host-test/test-guest",
        "Cargo.toml",
        "Cargo.lock",
    ] {
        println!("cargo::rerun-if-changed={}", workspace.join(path).display());
    }
    println!("cargo::rerun-if-changed=build.rs");

    let out_dir = PathBuf::from(env::var_os("OUT_DIR").context("cargo sets OUT_DIR")?);
    // <target>/<profile>/build/<package>/out
    let target_dir =
        out_dir.ancestors().nth(4).context("OUT_DIR is not cargo's")?.join("component");
    let toolchain = toolchain()?;
    build(&toolchain, &workspace, &target_dir, &PACKAGES)?;
    let modules = build(&toolchain, &workspace, &target_dir, &MUTANTS)?;
    for (package, variable) in PACKAGES.into_iter().chain(MUTANTS) {
        let module = modules.join(package.replace('-', "_")).with_extension("wasm");
        let component = wit_component::ComponentEncoder::default()
            .validate(true)
            .module(&fs::read(module)?)?
            .encode()?;
        let path = out_dir.join(package).with_extension("wasm");
        fs::write(&path, without_names(component)?)?;
        println!("cargo::rustc-env={variable}={}", path.display());
    }
    Ok(())
}

/// Removes the section `component-name`: four kilobytes that only debuggers read.
fn without_names(mut component: Vec<u8>) -> Result<Vec<u8>> {
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
        // Before the section: its kind (one byte) and its length (seven bits per byte).
        let bits = usize::BITS - (end - start).leading_zeros();
        component.drain(start - 1 - usize::try_from(bits.div_ceil(7))?..end);
    }
    Ok(component)
}

/// Builds the core modules. Returns their folder.
fn build(
    toolchain: &Toolchain,
    workspace: &Path,
    target_dir: &Path,
    packages: &[(&str, &str)],
) -> Result<PathBuf> {
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
        .args(packages.iter().flat_map(|(package, _)| ["--package", package]))
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
        bail!("the component could not be built:\n{said}");
    }
    Ok(target_dir.join(TARGET).join("component"))
}

/// The compiler flags. Paths of this machine are removed from panic messages. The separator allows spaces in
/// paths.
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

/// A toolchain that can build for the target. A missing target is added.
fn toolchain() -> Result<Toolchain> {
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
    bail!(
        "The component is built for {TARGET}, which is missing and could not be added: run \
         `rustup target add {TARGET}`, or on Debian `apt install rustc-web cargo-web rust-web-src`."
    )
}

fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

fn sysroot() -> Result<PathBuf> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).args(["--print", "sysroot"]).output()?;
    Ok(PathBuf::from(String::from_utf8(output.stdout)?.trim()))
}
