//! The contract's reference, `CONTRACT.md`, is what the WIT says.

use std::path::Path;

#[allow(dead_code, clippy::pedantic)]
#[path = "../../examples/contract.rs"]
mod contract;

#[test]
fn contract_reference_leaves_nothing_out() {
    let written = |interface: &str| {
        let folder = tempfile::tempdir().unwrap();
        let wit = format!("package a:b@0.1.0;\ninterface c {{ {interface} }}");
        std::fs::write(folder.path().join("c.wit"), wit).unwrap();
        contract::reference(folder.path()).map_err(|error| error.to_string())
    };
    let flags = written("flags rights { read, write }").unwrap();
    assert!(flags.contains("### flags `rights`") && flags.contains("- **`write`**"), "{flags}");
    let alias = written("type id = string; f: func(id: id) -> s64;").unwrap();
    assert!(alias.contains("type id = string;") && alias.contains("-> s64;"), "{alias}");
    for unknown in ["resource r;", "f: func() -> stream<u8>;", "f: func() -> f32;"] {
        assert!(written(unknown).unwrap_err().contains("cannot show"), "{unknown}");
    }
}

#[test]
fn contract_reference_is_written_from_the_wit() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let written = contract::reference(&folder.join("../wit")).unwrap();
    for part in [
        "### `create-payment`",
        "### record `money`",
        "- **`minor-units`**: `u64`",
        "`signature-mismatch`",
    ] {
        assert!(written.contains(part), "{part}");
    }
    let kept = std::fs::read_to_string(folder.join("CONTRACT.md")).unwrap_or_default();
    assert!(written == kept, "CONTRACT.md is old: run `cargo run -p host-test --example contract`");
}
