//! The parameters of a request, with Stripe's bracket notation. Unknown parameters are refused.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use iso_currency::Currency;

use crate::error::ApiError;

/// The parameters that have not been taken yet.
pub struct Params(Vec<(String, String)>);

impl Params {
    /// The parameters of a form or a query.
    pub fn new(params: Vec<(String, String)>) -> Self {
        Self(params)
    }

    /// Takes a parameter.
    pub fn take(&mut self, name: &str) -> Option<String> {
        let index = self.0.iter().position(|(param, _)| param == name)?;
        Some(self.0.remove(index).1)
    }

    /// Takes a required parameter.
    pub fn require(&mut self, name: &str) -> Result<String, ApiError> {
        self.take(name)
            .filter(|value| !value.is_empty())
            .ok_or_else(|| ApiError::missing_parameter(name))
    }

    /// Takes the required parameter with a currency's code, in lower case.
    pub fn currency(&mut self, name: &str) -> Result<String, ApiError> {
        let code = self.require(name)?;
        match Currency::from_code(&code.to_uppercase()) {
            Some(_) => Ok(code.to_lowercase()),
            None => Err(ApiError::invalid_currency(name, &code)),
        }
    }

    /// Takes a parameter that is a non-negative integer.
    pub fn number(&mut self, name: &str) -> Result<Option<u64>, ApiError> {
        self.take(name)
            .map(|value| {
                value.parse().map_err(|_| ApiError::invalid(&format!("Invalid integer: {value}")))
            })
            .transpose()
    }

    /// Takes a list: `name[]` or `name[0]`.
    pub fn list(&mut self, name: &str) -> Vec<String> {
        let is_element = |param: &str| {
            param
                .strip_prefix(name)
                .and_then(|rest| rest.strip_prefix('['))
                .and_then(|rest| rest.strip_suffix(']'))
                .is_some_and(|index| index.bytes().all(|byte| byte.is_ascii_digit()))
        };
        self.0.extract_if(.., |(param, _)| is_element(param)).map(|(_, value)| value).collect()
    }

    /// Takes a map: `name[key]`.
    pub fn map(&mut self, name: &str) -> BTreeMap<String, String> {
        let key_of = |param: &str| {
            let key = param.strip_prefix(name)?.strip_prefix('[')?.strip_suffix(']')?;
            Some(key.to_owned())
        };
        self.0
            .extract_if(.., |(param, _)| key_of(param).is_some())
            .filter_map(|(param, value)| Some((key_of(&param)?, value)))
            .collect()
    }

    /// Takes the bounds of the time of creation, in Unix seconds: `created`, or `created[gte]` and the like.
    pub fn created(&mut self) -> Result<RangeInclusive<u64>, ApiError> {
        if let Some(exact) = self.number("created")? {
            return Ok(exact..=exact);
        }
        let after = self.number("created[gt]")?.map(|time| time.saturating_add(1));
        let before = self.number("created[lt]")?.map(|time| time.saturating_sub(1));
        let from = self.number("created[gte]")?.or(after).unwrap_or(0);
        let until = self.number("created[lte]")?.or(before).unwrap_or(u64::MAX);
        Ok(from..=until)
    }

    /// Takes a parameter that is `true` or `false`.
    pub fn boolean(&mut self, name: &str) -> Result<Option<bool>, ApiError> {
        self.take(name)
            .map(|value| {
                value.parse().map_err(|_| ApiError::invalid(&format!("Invalid boolean: {value}")))
            })
            .transpose()
    }

    /// Refuses the parameters that have not been taken.
    pub fn finish(self) -> Result<(), ApiError> {
        match self.0.first() {
            Some((name, _)) => Err(ApiError::unknown_parameter(name)),
            None => Ok(()),
        }
    }
}
