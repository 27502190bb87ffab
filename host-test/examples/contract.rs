//! Writes the contract's reference, `CONTRACT.md`, from the WIT:
//! `cargo run -p host-test --example contract`

// The arenas of a `Resolve` are indexed with ids of its own.
#![allow(missing_docs, clippy::indexing_slicing)]

use std::fmt::Write as _;
use std::path::Path;

use anyhow::bail;
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
            write_function(&mut text, &resolve, function)?;
        }
        for (name, id) in own_types(&resolve, interface) {
            write_type(&mut text, &resolve, name, id)?;
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
    types.filter(|(_, id)| !is_used_from_elsewhere(resolve, *id))
}

/// Whether `use` has brought a type from another interface. An alias of the interface's own is a type.
fn is_used_from_elsewhere(resolve: &Resolve, id: TypeId) -> bool {
    let of = &resolve.types[id];
    let TypeDefKind::Type(Type::Id(origin)) = of.kind else { return false };
    resolve.types[origin].owner != of.owner
}

fn write_function(text: &mut String, resolve: &Resolve, function: &Function) -> anyhow::Result<()> {
    let mut parameters = String::new();
    for of in &function.params {
        let _ = write!(parameters, "\n    {}: {},", of.name, shown(resolve, &of.ty)?);
    }
    if !parameters.is_empty() {
        parameters.push('\n');
    }
    let result = match &function.result {
        Some(of) => format!(" -> {}", shown(resolve, of)?),
        None => String::new(),
    };
    let _ = write!(
        text,
        "### `{name}`\n\n```wit\n{name}: func({parameters}){result};\n```\n\n{}",
        paragraphs(&function.docs, ""),
        name = function.name,
    );
    Ok(())
}

fn write_type(text: &mut String, resolve: &Resolve, name: &str, id: TypeId) -> anyhow::Result<()> {
    let of = &resolve.types[id];
    // An alias has the name of another type.
    if let TypeDefKind::Type(other) = &of.kind {
        let other = shown(resolve, other)?;
        let docs = paragraphs(&of.docs, "");
        let _ = write!(text, "### type `{name}`\n\n```wit\ntype {name} = {other};\n```\n\n{docs}");
        return Ok(());
    }
    let kind = of.kind.as_str();
    let _ = write!(text, "### {kind} `{name}`\n\n{}", paragraphs(&of.docs, ""));
    let mut part = |name: &str, of: Option<&Type>, docs: &Docs| {
        let of = match of {
            Some(of) => format!(": `{}`", shown(resolve, of)?),
            None => String::new(),
        };
        let _ = write!(text, "- **`{name}`**{of}\n\n{}", paragraphs(docs, "  "));
        Ok(())
    };
    match &of.kind {
        TypeDefKind::Record(of) => {
            of.fields.iter().try_for_each(|of| part(&of.name, Some(&of.ty), &of.docs))
        }
        TypeDefKind::Variant(of) => {
            of.cases.iter().try_for_each(|of| part(&of.name, of.ty.as_ref(), &of.docs))
        }
        TypeDefKind::Enum(of) => of.cases.iter().try_for_each(|of| part(&of.name, None, &of.docs)),
        TypeDefKind::Flags(of) => of.flags.iter().try_for_each(|of| part(&of.name, None, &of.docs)),
        _ => bail!("the reference cannot show `{name}`, which is a {kind}"),
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
fn shown(resolve: &Resolve, of: &Type) -> anyhow::Result<String> {
    let Type::Id(id) = of else { return Ok(primitive(of)?.to_owned()) };
    let of = &resolve.types[*id];
    if let (Some(name), TypeOwner::Interface(_)) = (&of.name, of.owner) {
        return Ok(name.clone());
    }
    let inner = |of: &Option<Type>| match of {
        Some(of) => shown(resolve, of),
        None => Ok("_".to_owned()),
    };
    Ok(match &of.kind {
        TypeDefKind::List(of) => format!("list<{}>", shown(resolve, of)?),
        TypeDefKind::Option(of) => format!("option<{}>", shown(resolve, of)?),
        TypeDefKind::Tuple(of) => {
            let types = of.types.iter().map(|of| shown(resolve, of));
            format!("tuple<{}>", types.collect::<anyhow::Result<Vec<_>>>()?.join(", "))
        }
        TypeDefKind::Result(of) => format!("result<{}, {}>", inner(&of.ok)?, inner(&of.err)?),
        other => bail!("the reference cannot show a {}", other.as_str()),
    })
}

fn primitive(of: &Type) -> anyhow::Result<&'static str> {
    Ok(match of {
        Type::Bool => "bool",
        Type::U8 => "u8",
        Type::U16 => "u16",
        Type::U32 => "u32",
        Type::U64 => "u64",
        Type::S64 => "s64",
        Type::String => "string",
        other => bail!("the reference cannot show the type {other:?}"),
    })
}
