//! Writes the contract's reference, `CONTRACT.md`, from the WIT:
//! `cargo run -p host-test --example contract`

// The arenas of a `Resolve` are indexed with ids of its own.
#![allow(missing_docs, clippy::indexing_slicing)]

use std::fmt::Write as _;
use std::path::Path;

use wit_parser::{
    Docs, Function, Interface, Resolve, Type, TypeDefKind, TypeId, TypeOwner, WorldItem,
};

fn main() -> anyhow::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::fs::write(folder.join("CONTRACT.md"), reference(&folder.join("../wit"))?)?;
    Ok(())
}

/// The reference of the WIT in a folder, as Markdown.
pub fn reference(wit: &Path) -> anyhow::Result<String> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit)?;
    let package = &resolve.packages[package];
    let mut text = format!(
        "# The contract `{}`\n\n\
        Every payment plugin implements it. This file is written from `wit/`, which is the contract itself, by\n\
        `cargo run -p host-test --example contract`: change the WIT, and write it again.\n",
        package.name
    );
    for (name, world) in &package.worlds {
        let world = &resolve.worlds[*world];
        let _ = write!(text, "\n## The world `{name}`\n\n{}", paragraphs(&world.docs, ""));
        for (kind, items) in [("import", &world.imports), ("export", &world.exports)] {
            for item in items.values() {
                let WorldItem::Interface { id, .. } = item else { continue };
                let name = resolve.interfaces[*id].name.as_deref().unwrap_or_default();
                let _ = writeln!(text, "- {kind} [`{name}`](#{name})");
            }
        }
        text.push('\n');
    }
    // What a plugin implements, then what it may call, and then what both are made of.
    let interfaces = package.interfaces.iter().map(|(name, id)| (name, &resolve.interfaces[*id]));
    let mut interfaces: Vec<_> = interfaces.collect();
    interfaces.sort_by_key(|(name, interface)| {
        (interface.functions.is_empty(), *name != "payment-provider")
    });
    for (name, interface) in interfaces {
        let _ = write!(text, "## `{name}`\n\n{}", paragraphs(&interface.docs, ""));
        for function in interface.functions.values() {
            write_function(&mut text, &resolve, function);
        }
        for (name, id) in own_types(&resolve, interface) {
            write_type(&mut text, &resolve, name, id);
        }
    }
    Ok(text.trim_end().to_owned() + "\n")
}

/// The types that an interface defines. Those that it uses stand at their own place.
fn own_types<'a>(
    resolve: &'a Resolve,
    interface: &'a Interface,
) -> impl Iterator<Item = (&'a str, TypeId)> {
    let types = interface.types.iter().map(|(name, id)| (name.as_str(), *id));
    types.filter(|(_, id)| !matches!(resolve.types[*id].kind, TypeDefKind::Type(_)))
}

fn write_function(text: &mut String, resolve: &Resolve, function: &Function) {
    let parameters = function.params.iter();
    let parameters = parameters.map(|of| format!("\n    {}: {},", of.name, shown(resolve, &of.ty)));
    let mut parameters = parameters.collect::<String>();
    if !parameters.is_empty() {
        parameters.push('\n');
    }
    let result =
        function.result.map_or_else(String::new, |of| format!(" -> {}", shown(resolve, &of)));
    let _ = write!(
        text,
        "### `{name}`\n\n```wit\n{name}: func({parameters}){result};\n```\n\n{}",
        paragraphs(&function.docs, ""),
        name = function.name,
    );
}

fn write_type(text: &mut String, resolve: &Resolve, name: &str, id: TypeId) {
    let of = &resolve.types[id];
    let kind = of.kind.as_str();
    let _ = write!(text, "### {kind} `{name}`\n\n{}", paragraphs(&of.docs, ""));
    let mut part = |name: &str, of: Option<&Type>, docs: &Docs| {
        let of = of.map_or_else(String::new, |of| format!(": `{}`", shown(resolve, of)));
        let _ = write!(text, "- **`{name}`**{of}\n\n{}", paragraphs(docs, "  "));
    };
    match &of.kind {
        TypeDefKind::Record(of) => {
            of.fields.iter().for_each(|of| part(&of.name, Some(&of.ty), &of.docs));
        }
        TypeDefKind::Variant(of) => {
            of.cases.iter().for_each(|of| part(&of.name, of.ty.as_ref(), &of.docs));
        }
        TypeDefKind::Enum(of) => of.cases.iter().for_each(|of| part(&of.name, None, &of.docs)),
        _ => {}
    }
}

/// A doc comment, with an indentation before each line and an empty line after it.
fn paragraphs(docs: &Docs, indentation: &str) -> String {
    let Some(contents) = &docs.contents else { return String::new() };
    let lines = contents.trim().lines();
    let indented = |line: &str| match line.trim_end() {
        "" => "\n".to_owned(),
        line => format!("{indentation}{line}\n"),
    };
    lines.map(indented).collect::<String>() + "\n"
}

/// A type as the WIT writes it.
fn shown(resolve: &Resolve, of: &Type) -> String {
    let Type::Id(id) = of else { return primitive(of).to_owned() };
    let of = &resolve.types[*id];
    if let (Some(name), TypeOwner::Interface(_)) = (&of.name, of.owner) {
        return name.clone();
    }
    let inner =
        |of: &Option<Type>| of.as_ref().map_or_else(|| "_".to_owned(), |of| shown(resolve, of));
    match &of.kind {
        TypeDefKind::List(of) => format!("list<{}>", shown(resolve, of)),
        TypeDefKind::Option(of) => format!("option<{}>", shown(resolve, of)),
        TypeDefKind::Tuple(of) => {
            let types: Vec<_> = of.types.iter().map(|of| shown(resolve, of)).collect();
            format!("tuple<{}>", types.join(", "))
        }
        TypeDefKind::Result(of) => format!("result<{}, {}>", inner(&of.ok), inner(&of.err)),
        other => other.as_str().to_owned(),
    }
}

fn primitive(of: &Type) -> &'static str {
    match of {
        Type::Bool => "bool",
        Type::U8 => "u8",
        Type::U16 => "u16",
        Type::U32 => "u32",
        Type::U64 => "u64",
        Type::String => "string",
        _ => "(another type)",
    }
}
