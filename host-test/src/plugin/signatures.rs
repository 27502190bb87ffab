//! The functions of the contract, with their types as a component has them.

use wasmtime::component::Type;
use wasmtime::component::types::ComponentItem;

use super::Plugin;

/// A function of the contract.
pub struct Signature {
    /// Its name.
    pub name: String,
    /// Its parameters but for `context`, which is the host's.
    pub parameters: Vec<(String, Type)>,
    /// What it returns.
    pub result: Option<Type>,
    /// All of it as the WIT writes it, without `context`.
    pub text: String,
}

impl Plugin {
    /// The functions of the contract, in its order.
    #[must_use]
    pub fn signatures(&self) -> Vec<Signature> {
        let (engine, component) = (self.caller.pre.engine(), self.caller.pre.component());
        let mut functions = Vec::new();
        // The names of records and variants stand beside the functions that use them.
        let mut names = Vec::new();
        for (_, export) in component.component_type().exports(engine) {
            let ComponentItem::ComponentInstance(interface) = export.ty else { continue };
            for (name, item) in interface.exports(engine) {
                match item.ty {
                    ComponentItem::Type(of) => names.push((name.to_owned(), of)),
                    ComponentItem::ComponentFunc(function) => {
                        functions.push((name.to_owned(), function));
                    }
                    _ => {}
                }
            }
        }
        let signature = |wanted: &&str| {
            let (name, function) = functions.iter().find(|(name, _)| name == wanted)?;
            let parameters: Vec<(String, Type)> = function
                .params()
                .filter(|(name, _)| *name != "context")
                .map(|(name, of)| (name.to_owned(), of))
                .collect();
            let result = function.results().next();
            let shown = parameters.iter().map(|(name, of)| format!("{name}: {}", text(of, &names)));
            let shown = shown.collect::<Vec<_>>().join(", ");
            let answer = result.as_ref().map_or_else(|| "_".to_owned(), |of| text(of, &names));
            let text = format!("{name}({shown}) -> {answer}");
            Some(Signature { name: name.clone(), parameters, result, text })
        };
        super::inspect::FUNCTIONS.iter().filter_map(signature).collect()
    }
}

/// A type as the WIT writes it: by its name, if it has one.
fn text(of: &Type, names: &[(String, Type)]) -> String {
    if let Some((name, _)) = names.iter().find(|(_, named)| named == of) {
        return name.clone();
    }
    let inner = |of: Option<Type>| of.map_or_else(|| "_".to_owned(), |of| text(&of, names));
    match of {
        Type::Bool => "bool".to_owned(),
        Type::U8 => "u8".to_owned(),
        Type::U16 => "u16".to_owned(),
        Type::U32 => "u32".to_owned(),
        Type::U64 => "u64".to_owned(),
        Type::String => "string".to_owned(),
        Type::List(list) => format!("list<{}>", text(&list.ty(), names)),
        Type::Option(option) => format!("option<{}>", text(&option.ty(), names)),
        Type::Result(result) => match (result.ok(), result.err()) {
            (None, None) => "result".to_owned(),
            (ok, None) => format!("result<{}>", inner(ok)),
            (ok, err) => format!("result<{}, {}>", inner(ok), inner(err)),
        },
        _ => "_".to_owned(),
    }
}
