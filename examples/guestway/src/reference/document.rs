use serde_json::Value;

/// An operation of the document.
pub(crate) struct Operation<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) value: &'a Value,
}

impl<'a> Operation<'a> {
    /// The operations with this tag, in the order of their paths.
    pub(crate) fn with_tag(document: &'a Value, tag: &'a Value) -> impl Iterator<Item = Self> {
        let paths = document["paths"].as_object().into_iter().flatten();
        let operations = paths.flat_map(|(path, methods)| {
            let methods = methods.as_object().into_iter().flatten();
            methods.map(move |(method, value)| Self { method, path, value })
        });
        operations.filter(|operation| operation.value["tags"][0] == *tag)
    }

    pub(crate) fn id(&self) -> &'a str {
        self.value["operationId"].as_str().unwrap_or_default()
    }

    pub(crate) fn summary(&self) -> &'a str {
        self.value["summary"].as_str().unwrap_or_default()
    }

    pub(crate) fn parameters(&self) -> &'a [Value] {
        self.value["parameters"].as_array().map_or(&[], Vec::as_slice)
    }

    /// The media type of the request's body, if it has one.
    pub(crate) fn body(&self) -> Option<&'a Value> {
        self.value.pointer("/requestBody/content/application~1json")
    }

    /// Whether a request needs the two headers.
    pub(crate) fn is_guarded(&self) -> bool {
        self.value["security"].as_array().is_some_and(|required| !required.is_empty())
    }

    /// The scopes that a token needs, all of them.
    pub(crate) fn scopes(&self) -> impl Iterator<Item = &'a str> {
        let scopes = self.value["x-required-scopes"]["all"].as_array();
        scopes.into_iter().flatten().filter_map(Value::as_str)
    }
}

/// The examples of a media type, each with its summary.
pub(crate) fn examples(content: &Value) -> Vec<(&str, &Value)> {
    let several = content["examples"].as_object().into_iter().flatten();
    let several = several
        .map(|(_, example)| (example["summary"].as_str().unwrap_or_default(), &example["value"]));
    content.get("example").map(|example| ("", example)).into_iter().chain(several).collect()
}
