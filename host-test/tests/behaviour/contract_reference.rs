//! The contract's reference, `CONTRACT.md`, is what the WIT says.

use std::path::Path;

#[allow(dead_code, clippy::pedantic)]
#[path = "../../examples/contract.rs"]
mod contract;

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
