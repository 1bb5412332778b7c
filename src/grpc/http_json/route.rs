//! Paths, and the methods that they lead to: as the annotations of the protos have them.

use std::sync::LazyLock;

use http::Method as Verb;
use prost_reflect::{DynamicMessage, MethodDescriptor};

use crate::grpc::pb::POOL;

/// A step of a path: a word, or anything.
#[derive(Debug, PartialEq)]
enum Step {
    Word(String),
    Any,
}

/// A method under a path.
pub struct Route {
    pub verb: Verb,
    /// As the annotation has it, such as `/v1/{name=leads/*}`.
    pub template: String,
    steps: Vec<Step>,
    /// What follows a colon at the end, such as `undelete`.
    custom: Option<String>,
    /// The field that a part of the path goes to, with its first and last step.
    pub captures: Vec<Capture>,
    /// The field that the body goes to; `*` is the whole request.
    pub body: Option<String>,
    pub method: MethodDescriptor,
}

/// All routes, in the order of the protos.
pub static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| {
    let Some(extension) = POOL.get_extension_by_name("google.api.http") else { return Vec::new() };
    let mut routes = Vec::new();
    for method in POOL.services().flat_map(|service| service.methods().collect::<Vec<_>>()) {
        let options = method.options();
        if options.has_extension(&extension)
            && let Some(rule) = options.get_extension(&extension).as_message()
        {
            routes.extend(Route::of(rule, &method));
            let more = rule.get_field_by_name("additional_bindings");
            let more = more.iter().filter_map(|more| more.as_list()).flatten();
            routes.extend(more.filter_map(|rule| Route::of(rule.as_message()?, &method)));
        }
    }
    routes
});

impl Route {
    fn of(rule: &DynamicMessage, method: &MethodDescriptor) -> Option<Self> {
        let text = |field: &str| {
            let value = rule.get_field_by_name(field)?;
            value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let verbs = [
            ("get", Verb::GET),
            ("post", Verb::POST),
            ("patch", Verb::PATCH),
            ("delete", Verb::DELETE),
            ("put", Verb::PUT),
        ];
        let (verb, template) = verbs.into_iter().find_map(|(field, verb)| Some((verb, text(field)?)))?;
        let (steps, custom, captures) = parse(&template);
        Some(Self { verb, steps, custom, captures, body: text("body"), method: method.clone(), template })
    }

    /// What the fields are that a path names, if it is one of this route.
    pub fn matches(&self, path: &str) -> Option<Vec<(String, String)>> {
        let (path, custom) = match path.rsplit_once(':') {
            Some((path, custom)) if !custom.contains('/') => (path, Some(custom)),
            _ => (path, None),
        };
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        if custom != self.custom.as_deref() || parts.len() != self.steps.len() {
            return None;
        }
        let fits = |(step, part): (&Step, &&str)| match step {
            Step::Word(word) => word == part,
            Step::Any => !part.is_empty(),
        };
        if !self.steps.iter().zip(&parts).all(fits) {
            return None;
        }
        let captured = self.captures.iter().map(|(field, first, last)| {
            let value = parts[*first..=*last].iter().map(|part| unescaped(part)).collect::<Vec<_>>();
            (field.clone(), value.join("/"))
        });
        Some(captured.collect())
    }
}

/// A field of the request, with the first and the last step of the path that it takes.
pub type Capture = (String, usize, usize);

/// A template as steps, with what follows the colon, and which steps go to which field.
fn parse(template: &str) -> (Vec<Step>, Option<String>, Vec<Capture>) {
    let (path, custom) = match template.rsplit_once(':') {
        Some((path, custom)) if !custom.contains(['/', '}']) => (path, Some(custom.to_owned())),
        _ => (template, None),
    };
    let (mut steps, mut captures) = (Vec::new(), Vec::new());
    let mut rest = path.trim_start_matches('/');
    while !rest.is_empty() {
        let step = |part: &str| if part == "*" { Step::Any } else { Step::Word(part.to_owned()) };
        match rest.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some((variable, after)) => {
                let (field, pattern) = variable.split_once('=').unwrap_or((variable, "*"));
                let first = steps.len();
                steps.extend(pattern.split('/').map(step));
                captures.push((field.to_owned(), first, steps.len() - 1));
                rest = after.trim_start_matches('/');
            }
            None => {
                let (part, after) = rest.split_once('/').unwrap_or((rest, ""));
                steps.push(step(part));
                rest = after;
            }
        }
    }
    (steps, custom, captures)
}

/// Percent-encoding undone; what is none stays.
pub fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = (*first == b'%').then(|| after.get(..2)).flatten();
        let byte = hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match byte {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
