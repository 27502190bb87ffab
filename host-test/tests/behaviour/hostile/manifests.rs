//! Manifests that try to look like something else.

use super::{is_visible, load};

#[tokio::test]
async fn hostile_manifest_is_refused() {
    // The first origins hold a Cyrillic letter and an ideographic full stop.
    for (script, code) in [
        ("id=", "manifest-invalid"),
        ("id=STRIPE\\nX", "manifest-invalid"),
        ("id=../STRIPE", "manifest-invalid"),
        ("name=[LIVE] Andes is installed", "manifest-invalid"),
        ("name=Andes\\n[LIVE] Andes", "manifest-invalid"),
        ("name=\\e]52;c;aGk=\u{7}", "manifest-invalid"),
        ("header=X-Signature", "manifest-invalid"),
        ("header=x-signature\\nx", "manifest-invalid"),
        ("field=a b", "manifest-invalid"),
        ("field=", "manifest-invalid"),
        ("origin=https://аpi.example.com", "origins-invalid"),
        ("origin=https://api。example.com", "origins-invalid"),
        ("origin=https://api.example.com\\n (approved)", "origins-invalid"),
        ("origin=https://api.exa\\nmple.com", "origins-invalid"),
        ("origin=https://0x7f000001", "origins-invalid"),
        ("origin=https://api.example.com@evil.example", "origins-invalid"),
        ("origin=http://api.example.com", "origins-invalid"),
        ("origin=https://127.0.0.1", "origins-invalid"),
        ("origin=https://[::ffff:169.254.169.254]", "origins-invalid"),
        ("origin=https://metadata.google.internal", "origins-invalid"),
        ("origin=https://localhost", "origins-invalid"),
        ("page=https://10.0.0.1", "origins-invalid"),
        ("page=javascript:alert(1)", "origins-invalid"),
        ("page=https://pаy.example.com", "origins-invalid"),
        ("page=", "origins-invalid"),
    ] {
        let Err(refused) = load(script).await else { panic!("{script} was accepted") };
        let problem = refused.problem();
        assert_eq!(problem.code, code, "{script}: {}", problem.message);
        assert!(is_visible(&problem.message), "{script}: {}", problem.message);
        assert!(!problem.remedy.is_empty());
    }
    assert!(load("").await.is_ok());
}

#[tokio::test]
async fn labels_are_shown_on_one_line_with_their_owner() {
    let script = "label=key\\e[2J\u{202e}\\n[LIVE] x\nhelp=[LIVE] Andes is installed.\\n\\e]52;c;x\npurpose=a\\nb";
    let plugin = load(script).await.unwrap();
    let manifest = plugin.manifest();
    for field in &manifest.credentials {
        assert_eq!(field.label, "key[2J [LIVE] x");
        assert_eq!(field.help, "Hostile: [LIVE] Andes is installed. ]52;c;x");
    }
    assert_eq!(manifest.permissions[0].purpose, "a b");
}
