//! JSON with the names of the WIT, and JSON as the bindings read and write it.
//!
//! The two differ in their names (`minor-units`, `minor_units`; `requires-action`, `RequiresAction`), and only a type
//! tells a case from any other text. In the JSON of the WIT a record is an object, whose fields that are an `option` may be
//! left out; a variant is the name of its case, or an object with the case and its value: `"nothing"`,
//! `{"provider": "review"}`; a list of bytes is a text, or a list of numbers; a result is `{"ok": …}` or `{"err": …}`.

use serde_json::{Map, Value, json};
use wasmtime::component::Type;

use super::error::ArgumentError;
use crate::foreign::line;

/// How much of a name that is not known is shown, in characters. Our own choice.
const LONGEST_NAME: usize = 64;

/// Arguments as the bindings read them, an object with a field for each. `parameters`: their names and types.
pub fn arguments(given: &Value, parameters: &[(String, Type)]) -> Result<Value, ArgumentError> {
    let fields = parameters.iter().map(|(name, of)| (name.as_str(), of.clone()));
    record(given, fields.collect(), "")
}

/// A value of the WIT as the bindings read it. `at`: its place.
fn value(given: &Value, of: &Type, at: &str) -> Result<Value, ArgumentError> {
    let wrong = |expected: &str| {
        Err(ArgumentError::WrongType { at: at.to_owned(), expected: expected.to_owned() })
    };
    let number = |most: u64| match given.as_u64() {
        Some(number) if number <= most => Ok(given.clone()),
        _ => wrong(&format!("a whole number from 0 to {most}")),
    };
    match of {
        Type::Bool if given.is_boolean() => Ok(given.clone()),
        Type::Bool => wrong("true or false"),
        Type::U8 => number(u8::MAX.into()),
        Type::U16 => number(u16::MAX.into()),
        Type::U32 => number(u32::MAX.into()),
        Type::U64 => number(u64::MAX),
        Type::String if given.is_string() => Ok(given.clone()),
        Type::String => wrong("a text"),
        Type::List(list) => match (given, list.ty()) {
            (Value::String(text), Type::U8) => Ok(json!(text.as_bytes())),
            (Value::Array(values), of) => {
                let values = values.iter().enumerate();
                values.map(|(index, given)| value(given, &of, &format!("{at}[{index}]"))).collect()
            }
            (_, Type::U8) => wrong("a text, or a list of bytes"),
            _ => wrong("a list"),
        },
        Type::Tuple(tuple) => match given {
            Value::Array(values) if values.len() == tuple.types().len() => {
                let values = values.iter().zip(tuple.types()).enumerate();
                values
                    .map(|(index, (given, of))| value(given, &of, &format!("{at}[{index}]")))
                    .collect()
            }
            _ => wrong(&format!("a list of {}", tuple.types().len())),
        },
        Type::Record(of) => {
            record(given, of.fields().map(|field| (field.name, field.ty)).collect(), at)
        }
        Type::Option(_) if given.is_null() => Ok(Value::Null),
        Type::Option(option) => value(given, &option.ty(), at),
        Type::Enum(of) => {
            let cases = of.names().map(|name| (name, None));
            variant(given, &cases.collect::<Vec<_>>(), at)
        }
        Type::Variant(of) => {
            let cases: Vec<_> = of.cases().map(|case| (case.name, case.ty)).collect();
            variant(given, &cases, at)
        }
        // No argument of the contract has another type.
        _ => wrong("of a type that can be written in JSON"),
    }
}

fn record(given: &Value, fields: Vec<(&str, Type)>, at: &str) -> Result<Value, ArgumentError> {
    let here = if at.is_empty() { "the JSON" } else { at };
    let Value::Object(given) = given else {
        let (at, expected) = (here.to_owned(), "an object".to_owned());
        return Err(ArgumentError::WrongType { at, expected });
    };
    let place = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
    if let Some(name) = given.keys().find(|name| !fields.iter().any(|(field, _)| field == name)) {
        let known = fields.iter().map(|(name, _)| (*name).to_owned()).collect();
        return Err(ArgumentError::UnknownField { at: place(&line(name, LONGEST_NAME)), known });
    }
    let mut read = Map::new();
    for (name, of) in fields {
        let field = match (given.get(name), &of) {
            (Some(given), of) => value(given, of, &place(name))?,
            (None, Type::Option(_)) => Value::Null,
            (None, _) => return Err(ArgumentError::Missing(place(name))),
        };
        read.insert(field_name(name), field);
    }
    Ok(read.into())
}

fn variant(
    given: &Value,
    cases: &[(&str, Option<Type>)],
    at: &str,
) -> Result<Value, ArgumentError> {
    let (name, payload) = match given {
        Value::String(name) => (name, None),
        Value::Object(fields) if fields.len() == 1 => match fields.iter().next() {
            Some((name, payload)) => (name, Some(payload)),
            None => (&String::new(), None),
        },
        _ => {
            let expected = "the name of a case, or an object with a case and its value".to_owned();
            return Err(ArgumentError::WrongType { at: at.to_owned(), expected });
        }
    };
    let Some((case, of)) = cases.iter().find(|(case, _)| case == name) else {
        let known = cases.iter().map(|(name, _)| (*name).to_owned()).collect();
        return Err(ArgumentError::UnknownCase { at: at.to_owned(), known });
    };
    match (of, payload) {
        (None, None) => Ok(case_name(case).into()),
        (Some(of), Some(payload)) => {
            let payload = value(payload, of, &format!("{at}.{case}"))?;
            Ok(json!({ (case_name(case)): payload }))
        }
        // The value of this case is an option.
        (Some(Type::Option(_)), None) => Ok(json!({ (case_name(case)): null })),
        (Some(_), None) => Err(ArgumentError::Missing(format!("{at}.{case}"))),
        (None, Some(_)) => {
            let expected = format!("\"{case}\", which has no value");
            Err(ArgumentError::WrongType { at: at.to_owned(), expected })
        }
    }
}

/// What the bindings have written, with the names of the WIT.
pub fn written(value: Value, of: &Type) -> Value {
    match (of, value) {
        (Type::Record(of), Value::Object(mut fields)) => {
            let mut field = |name: &str, of| {
                let value = fields.remove(&field_name(name)).unwrap_or_default();
                (name.to_owned(), written(value, &of))
            };
            of.fields().map(|of| (of.name, of.ty)).map(|(name, of)| field(name, of)).collect()
        }
        (Type::List(list), Value::Array(values)) => {
            let of = list.ty();
            if of == Type::U8
                && let Some(text) = text_of(&values)
            {
                return text.into();
            }
            values.into_iter().map(|value| written(value, &of)).collect()
        }
        (Type::Tuple(tuple), Value::Array(values)) => {
            values.into_iter().zip(tuple.types()).map(|(value, of)| written(value, &of)).collect()
        }
        (Type::Option(_), Value::Null) => Value::Null,
        (Type::Option(option), value) => written(value, &option.ty()),
        (Type::Enum(of), Value::String(name)) => {
            let case = of.names().find(|case| case_name(case) == name);
            case.unwrap_or(&name).into()
        }
        (Type::Variant(of), Value::String(name)) => {
            let case = of.cases().find(|case| case_name(case.name) == name);
            case.map_or(name.as_str(), |case| case.name).into()
        }
        (Type::Variant(of), Value::Object(fields)) => {
            let cases: Vec<_> = of.cases().map(|case| (case.name, case.ty)).collect();
            let rename = |(name, value)| {
                let case = cases.iter().find(|(case, _)| case_name(case) == name);
                match case {
                    Some((case, Some(of))) => ((*case).to_owned(), written(value, of)),
                    _ => (name, value),
                }
            };
            fields.into_iter().map(rename).collect()
        }
        (Type::Result(of), Value::Object(fields)) => {
            let rename = |(name, value): (String, Value)| {
                let (case, of) = if name == "Ok" { ("ok", of.ok()) } else { ("err", of.err()) };
                (case.to_owned(), of.map_or(Value::Null, |of| written(value, &of)))
            };
            fields.into_iter().map(rename).collect()
        }
        (_, value) => value,
    }
}

/// Bytes as a text, if they are one.
fn text_of(bytes: &[Value]) -> Option<String> {
    let byte = |byte: &Value| byte.as_u64().and_then(|byte| u8::try_from(byte).ok());
    String::from_utf8(bytes.iter().map(byte).collect::<Option<_>>()?).ok()
}

/// As the bindings name a field.
fn field_name(name: &str) -> String {
    name.replace('-', "_")
}

/// As the bindings name a case.
fn case_name(name: &str) -> String {
    let capitalized = |word: &str| {
        let mut letters = word.chars();
        let first = letters.next().unwrap_or_default().to_ascii_uppercase();
        format!("{first}{}", letters.as_str())
    };
    name.split('-').map(capitalized).collect()
}
