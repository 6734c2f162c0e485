use std::mem::take;

use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::Problem;

/// The named values of a query or of a JSON object. Each is read once, by its name; what is wrong is noted,
/// so that the answer names all of it at once.
pub(crate) struct Fields<V> {
    source: Source,
    values: Vec<(String, V)>,
    known: Vec<&'static str>,
    faults: Vec<Fault>,
}

/// Where values come from.
#[derive(Clone, Copy)]
pub(crate) enum Source {
    Query,
    Body,
}

/// What is wrong with one value: an item of the member `errors`, as in the example of RFC 9457 §3.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RequestFault)]
pub(crate) struct Fault {
    /// The parameter of the query.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    parameter: Option<String>,
    /// A JSON pointer into the body, as the fragment of a URI (RFC 6901 §6).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pointer: Option<String>,
    /// What the value must be.
    detail: String,
}

/// The most unknown names in one answer.
const MAX_UNKNOWN: usize = 10;

/// The most bytes of an unknown name that an answer repeats. Tokens are longer.
const MAX_NAME: usize = 32;

impl<V> Fields<V> {
    pub(crate) const fn new(source: Source, values: Vec<(String, V)>) -> Self {
        Self { source, values, known: Vec::new(), faults: Vec::new() }
    }

    /// The value of this name; none if it is absent, or not what is expected.
    pub(crate) fn read<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        parse: impl FnOnce(&V) -> Option<T>,
    ) -> Option<T> {
        self.known.push(name);
        let given: Vec<_> = self.values.extract_if(.., |(key, _)| key == name).collect();
        let parsed = match &given[..] {
            [] => return None,
            [(_, value)] => parse(value).ok_or_else(|| format!("must be {expected}")),
            [..] => Err("is given more than once".to_owned()),
        };
        parsed.map_err(|detail| self.note(name, detail)).ok()
    }

    /// As [`read`](Self::read), but the value must not be absent.
    pub(crate) fn require<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        parse: impl FnOnce(&V) -> Option<T>,
    ) -> Option<T> {
        if self.values.iter().all(|(key, _)| key != name) {
            self.note(name, format!("is missing; it must be {expected}"));
        }
        self.read(name, expected, parse)
    }

    /// Notes that the value of this name is wrong.
    pub(crate) fn note(&mut self, name: &str, detail: impl Into<String>) {
        self.faults.push(Fault::new(self.source, name, detail));
    }

    /// What was read, if no value is wrong and no name is unknown.
    pub(crate) fn finish<T>(mut self, read: Option<T>) -> Result<T, Problem> {
        for (name, _) in take(&mut self.values).iter().take(MAX_UNKNOWN) {
            let name = if is_repeatable(name) { name } else { "" };
            self.note(name, format!("is unknown; known names are: {}", self.known.join(", ")));
        }
        match read {
            Some(read) if self.faults.is_empty() => Ok(read),
            _ => Err(Problem::of_faults(self.source, self.faults)),
        }
    }
}

impl Fault {
    /// With an empty name, the place is the whole body, or a parameter whose name is not repeated.
    pub(crate) fn new(source: Source, name: &str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let (parameter, pointer) = match (source, name) {
            (Source::Query, _) => (Some(name.to_owned()), None),
            (Source::Body, "") => (None, Some("#".to_owned())),
            (Source::Body, _) => (None, Some(format!("#/{name}"))),
        };
        Self { parameter, pointer, detail }
    }
}

/// Whether a name is no credential, and needs no escape in a JSON pointer.
fn is_repeatable(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    name.len() <= MAX_NAME && name.bytes().all(is_plain)
}
