//! What can be called over HTTP, as an OpenAPI 3 document: made of the protos with their comments, so that it says nothing
//! else than they do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use prost_reflect::{EnumDescriptor, FieldDescriptor, FileDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value as Json, json};

use super::http_json::{ROUTES, Route, query_fields};

/// The document.
pub fn document() -> Json {
    static DOCUMENT: LazyLock<Json> = LazyLock::new(made);
    DOCUMENT.clone()
}

fn made() -> Json {
    let mut schemas = Schemas::default();
    let mut paths: BTreeMap<String, Map<String, Json>> = BTreeMap::new();
    for route in ROUTES.iter() {
        let (path, parameters) = path_of(route);
        let operation = schemas.operation(route, parameters);
        paths.entry(path).or_default().insert(route.verb.as_str().to_lowercase(), operation);
    }
    schemas.need_all();
    json!({
        "openapi": "3.0.3",
        "info": {
            "title": "Assay",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Decides which customers are worth serving, and says why. JSON as protobuf maps it; errors are google.rpc.Status.",
            "license": { "name": "Apache-2.0" },
        },
        "paths": paths,
        "components": { "schemas": schemas.made },
    })
}

/// The path of a route with a parameter for each part that is free, and the parameters.
fn path_of(route: &Route) -> (String, Vec<Json>) {
    let (template, custom) = match route.template.rsplit_once(':') {
        Some((template, custom)) if !custom.contains(['/', '}']) => (template, Some(custom)),
        _ => (route.template.as_str(), None),
    };
    let mut flat = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (variable, after) = after.split_once('}').unwrap_or((after, ""));
        flat.push_str(before);
        flat.push_str(variable.split_once('=').map_or("*", |(_, pattern)| pattern));
        rest = after;
    }
    flat.push_str(rest);
    let (mut path, mut parameters, mut collection) = (String::new(), Vec::new(), "");
    for part in flat.trim_start_matches('/').split('/') {
        path.push('/');
        if part == "*" {
            let name = match collection {
                "canvases" => "canvas",
                other => other.trim_end_matches('s'),
            };
            path.push_str(&format!("{{{name}}}"));
            parameters.push(
                json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }),
            );
        } else {
            path.push_str(part);
            collection = part;
        }
    }
    if let Some(custom) = custom {
        path.push_str(&format!(":{custom}"));
    }
    (path, parameters)
}

/// The comment before something in a file.
fn comment(file: &FileDescriptor, path: &[i32]) -> String {
    let info = file.file_descriptor_proto().source_code_info.as_ref();
    let location = info.and_then(|info| info.location.iter().find(|location| location.path == path));
    let lines = location.and_then(|location| location.leading_comments.as_deref()).unwrap_or_default();
    lines.lines().map(str::trim).collect::<Vec<_>>().join(" ").trim().to_owned()
}

#[derive(Default)]
struct Schemas {
    made: BTreeMap<String, Json>,
    needed: BTreeMap<String, MessageDescriptor>,
    enums: BTreeSet<String>,
}

impl Schemas {
    fn operation(&mut self, route: &Route, mut parameters: Vec<Json>) -> Json {
        let method = &route.method;
        for (name, field) in query_fields(route) {
            let description = comment(&field.parent_message().parent_file(), field.path());
            let schema = self.field(&field);
            parameters
                .push(json!({ "name": name, "in": "query", "description": description, "schema": schema }));
        }
        let file = method.parent_service().parent_file();
        let answer = |schema: Json| json!({ "application/json": { "schema": schema } });
        let (output, error) =
            (self.message(&method.output()), json!({ "$ref": "#/components/schemas/google.rpc.Status" }));
        let mut operation = json!({
            "operationId": format!("{}_{}", method.parent_service().name(), method.name()),
            "tags": [method.parent_service().name()],
            "description": comment(&file, method.path()),
            "parameters": parameters,
            "responses": {
                "200": { "description": "Done", "content": answer(output) },
                "default": { "description": "An error", "content": answer(error) },
            },
        });
        if let Some(body) = &route.body {
            let of_field = |field: FieldDescriptor| self.field(&field);
            let schema = match body.as_str() {
                "*" => self.message(&method.input()),
                field => method.input().get_field_by_name(field).map(of_field).unwrap_or_default(),
            };
            operation["requestBody"] =
                json!({ "required": true, "content": { "application/json": { "schema": schema } } });
        }
        operation
    }

    /// The schema of a message: by its name, unless JSON has a form of its own for it.
    fn message(&mut self, message: &MessageDescriptor) -> Json {
        match message.full_name() {
            "google.protobuf.Timestamp" => json!({ "type": "string", "format": "date-time" }),
            "google.protobuf.Duration" => json!({ "type": "string", "example": "3600s" }),
            "google.protobuf.FieldMask" => json!({ "type": "string", "example": "displayName,owner" }),
            "google.protobuf.Empty" => json!({ "type": "object" }),
            "google.protobuf.Any" => {
                json!({ "type": "object", "properties": { "@type": { "type": "string" } } })
            }
            name => {
                if !self.made.contains_key(name) {
                    self.needed.insert(name.to_owned(), message.clone());
                }
                json!({ "$ref": format!("#/components/schemas/{name}") })
            }
        }
    }

    /// Describes every message that was referred to, and those that they refer to.
    fn need_all(&mut self) {
        while let Some((name, message)) = self.needed.pop_first() {
            self.made.insert(name.clone(), Json::Null);
            let mut properties = Map::new();
            for field in message.fields() {
                let mut schema = self.field(&field);
                let description = comment(&message.parent_file(), field.path());
                // A reference stands alone in this version of OpenAPI: what is said beside it needs a wrapping.
                if schema.get("$ref").is_some() {
                    schema = json!({ "allOf": [schema] });
                }
                schema["description"] = description.into();
                properties.insert(field.json_name().to_owned(), schema);
            }
            let description = comment(&message.parent_file(), message.path());
            let schema = json!({ "type": "object", "description": description, "properties": properties });
            self.made.insert(name, schema);
        }
        let status = json!({
            "type": "object",
            "properties": {
                "code": { "type": "integer", "format": "int32", "description": "A google.rpc.Code." },
                "message": { "type": "string" },
                "details": { "type": "array", "items": { "type": "object", "properties": { "@type": { "type": "string" } } } },
            },
        });
        self.made.insert("google.rpc.Status".into(), status);
    }

    fn field(&mut self, field: &FieldDescriptor) -> Json {
        if field.is_map() {
            let value = match field.kind() {
                Kind::Message(entry) => self.kind(&entry.map_entry_value_field().kind()),
                other => self.kind(&other),
            };
            return json!({ "type": "object", "additionalProperties": value });
        }
        let one = self.kind(&field.kind());
        if field.is_list() { json!({ "type": "array", "items": one }) } else { one }
    }

    fn kind(&mut self, kind: &Kind) -> Json {
        match kind {
            Kind::Double | Kind::Float => json!({ "type": "number", "format": "double" }),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => json!({ "type": "integer", "format": "int32" }),
            Kind::Uint32 | Kind::Fixed32 => json!({ "type": "integer", "format": "int64" }),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => json!({ "type": "string", "format": "int64" }),
            Kind::Uint64 | Kind::Fixed64 => json!({ "type": "string", "format": "uint64" }),
            Kind::Bool => json!({ "type": "boolean" }),
            Kind::String => json!({ "type": "string" }),
            Kind::Bytes => json!({ "type": "string", "format": "byte" }),
            Kind::Enum(words) => self.words(words),
            Kind::Message(message) => self.message(message),
        }
    }

    fn words(&mut self, words: &EnumDescriptor) -> Json {
        let name = words.full_name().to_owned();
        if self.enums.insert(name.clone()) {
            let values: Vec<String> = words.values().map(|value| value.name().to_owned()).collect();
            let description = comment(&words.parent_file(), words.path());
            self.made.insert(
                name.clone(),
                json!({ "type": "string", "enum": values, "description": description }),
            );
        }
        json!({ "$ref": format!("#/components/schemas/{name}") })
    }
}
