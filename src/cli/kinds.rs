//! The kinds of resources that a server holds, and what can be done with all of them alike.

use std::fmt;

use anyhow::{Context as _, bail};
use prost_reflect::{DynamicMessage, Value};
use serde_json::Value as Json;

use super::connect::Clients;
use crate::domain::check::Checker;
use crate::domain::text::suggestion;
use crate::grpc::document::is_input;
use crate::grpc::{convert, dynamic, mask, pb};

/// A kind of resource. What it stands before needs it: a segment its canvas, a profile its segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Canvas,
    Segment,
    Persona,
    Profile,
    Lead,
}

impl Kind {
    pub const ALL: [Kind; 5] = [Kind::Canvas, Kind::Segment, Kind::Persona, Kind::Profile, Kind::Lead];

    /// The message's name.
    pub fn message(self) -> &'static str {
        match self {
            Kind::Canvas => "Canvas",
            Kind::Segment => "Segment",
            Kind::Persona => "Persona",
            Kind::Profile => "Profile",
            Kind::Lead => "Lead",
        }
    }

    /// The collection, as names of resources have it.
    pub fn plural(self) -> &'static str {
        match self {
            Kind::Canvas => "canvases",
            Kind::Segment => "segments",
            Kind::Persona => "personas",
            Kind::Profile => "profiles",
            Kind::Lead => "leads",
        }
    }

    fn service(self) -> &'static str {
        match self {
            Kind::Canvas => "CanvasService",
            Kind::Segment | Kind::Persona => "SegmentService",
            Kind::Profile => "ProfileService",
            Kind::Lead => "LeadService",
        }
    }

    fn field(self) -> String {
        self.message().to_lowercase()
    }

    /// Reads `canvas`, `Canvas` or `canvases`.
    pub fn read(word: &str) -> anyhow::Result<Self> {
        let lower = word.to_lowercase();
        let found = Self::ALL.into_iter().find(|kind| kind.plural() == lower || kind.field() == lower);
        found.with_context(|| {
            format!("there is no kind \"{word}\"; {}", suggestion(&lower, Self::ALL.map(Self::plural)))
        })
    }

    /// The kind that a resource's name tells.
    pub fn of_name(name: &str) -> anyhow::Result<Self> {
        let parts: Vec<&str> = name.split('/').collect();
        let collection = parts.len().is_multiple_of(2).then(|| parts.get(parts.len() - 2)).flatten();
        let found = collection.and_then(|known| Self::ALL.into_iter().find(|kind| kind.plural() == *known));
        found.with_context(|| {
            format!("\"{name}\" is no name of a resource: write it as canvases/main, leads/acme or canvases/main/segments/trades")
        })
    }

    async fn call(self, clients: &Clients, verb: &str, request: Json) -> anyhow::Result<DynamicMessage> {
        let name = match verb {
            "List" => format!("List{}", capitalised(self.plural())),
            _ => format!("{verb}{}", self.message()),
        };
        let method = dynamic::method(self.service(), &name).context("there is no such method")?;
        let request = dynamic::from_json(method.input(), request)?;
        Ok(clients.call(&method, request).await?)
    }

    /// A resource, or nothing if there is none.
    pub async fn get(self, clients: &Clients, name: &str) -> anyhow::Result<Option<DynamicMessage>> {
        match self.call(clients, "Get", serde_json::json!({ "name": name })).await {
            Ok(found) => Ok(Some(found)),
            Err(error) => match error.downcast_ref::<tonic::Status>().map(tonic::Status::code) {
                Some(tonic::Code::NotFound) => Ok(None),
                _ => Err(error),
            },
        }
    }

    /// All resources of a list, page by page; `most` of them at most.
    pub async fn list(
        self,
        clients: &Clients,
        parent: Option<&str>,
        filter: &str,
        order_by: &str,
        most: usize,
    ) -> anyhow::Result<Vec<DynamicMessage>> {
        let (mut found, mut token) = (Vec::new(), String::new());
        while found.len() < most {
            let mut request =
                serde_json::json!({ "page_size": 1_000.min(most - found.len()), "page_token": token });
            let options =
                [("parent", parent.unwrap_or_default()), ("filter", filter), ("order_by", order_by)];
            for (field, value) in options.into_iter().filter(|(_, value)| !value.is_empty()) {
                request[field] = value.into();
            }
            let page = self.call(clients, "List", request).await?;
            let items = page.get_field_by_name(self.plural());
            for item in items.iter().filter_map(|items| items.as_list()).flatten() {
                found.extend(item.as_message().cloned());
            }
            token = page
                .get_field_by_name("next_page_token")
                .and_then(|t| t.as_str().map(str::to_owned))
                .unwrap_or_default();
            if token.is_empty() {
                break;
            }
        }
        Ok(found)
    }

    pub async fn delete(self, clients: &Clients, name: &str) -> anyhow::Result<()> {
        self.call(clients, "Delete", serde_json::json!({ "name": name })).await.map(drop)
    }

    /// Makes a resource under a name.
    pub async fn create(
        self,
        clients: &Clients,
        name: &str,
        resource: &DynamicMessage,
        change: &Json,
    ) -> anyhow::Result<()> {
        let (parent, id) = name.rsplit_once('/').context("a name has two parts at least")?;
        let parent = parent.rsplit_once('/').map(|(parent, _)| parent);
        let mut request = serde_json::json!({ (self.field()): dynamic::to_json(resource), (format!("{}_id", self.field())): id, "change": change });
        if let Some(parent) = parent {
            request["parent"] = parent.into();
        }
        self.call(clients, "Create", request).await.map(drop)
    }

    /// Changes the fields of a mask, if nobody else has changed the resource since it was read.
    pub async fn update(
        self,
        clients: &Clients,
        resource: &DynamicMessage,
        etag: &str,
        paths: &[String],
        change: &Json,
    ) -> anyhow::Result<()> {
        let mut content = dynamic::to_json(resource);
        content["etag"] = etag.into();
        let method = dynamic::method(self.service(), &format!("Update{}", self.message()));
        let method = method.context("there is no such method")?;
        let request = serde_json::json!({ (self.field()): content, "change": change });
        let mut request = dynamic::from_json(method.input(), request)?;
        // The paths as they are: JSON would have them in another case.
        let mask = dynamic::mask(paths).context("there are no masks")?;
        request.set_field_by_name("update_mask", Value::Message(mask));
        clients.call(&method, request).await?;
        Ok(())
    }

    /// What the fields of a mask make of a resource, and whether that is another one; or what is wrong with it.
    pub fn merged(
        self,
        current: &DynamicMessage,
        update: &DynamicMessage,
        paths: &[String],
    ) -> anyhow::Result<(DynamicMessage, bool)> {
        macro_rules! merged {
            ($message:ty, $read:expr, $show:expr) => {{
                let (now, new): ($message, $message) = (current.transcode_to()?, update.transcode_to()?);
                let mask = prost_types::FieldMask { paths: paths.to_vec() };
                let merged =
                    mask::apply(self.message(), &now, &new, Some(&mask)).map_err(anyhow::Error::msg)?;
                let (read, show) = ($read, $show);
                let mut c = Checker::at("");
                let content = read(&mut c, merged);
                c.finish(()).map_err(anyhow::Error::msg)?;
                let changed = content != read(&mut Checker::at(""), now);
                // As the server will show it: with the ids and defaults that it gives.
                let message: $message = show(text_of(current, "name").parse()?, content);
                (dynamic::of(&message, self.message()).context("there is no such message")?, changed)
            }};
        }
        Ok(match self {
            Kind::Canvas => merged!(pb::Canvas, convert::canvas::content, convert::canvas::shown),
            Kind::Segment => merged!(pb::Segment, convert::segment::content, convert::segment::shown),
            Kind::Persona => {
                merged!(pb::Persona, convert::segment::persona_content, convert::segment::persona_shown)
            }
            Kind::Profile => merged!(pb::Profile, convert::profile::content, convert::profile::shown),
            Kind::Lead => merged!(pb::Lead, convert::lead::draft, convert::lead::shown),
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.field())
    }
}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// A text field of a resource.
pub fn text_of(resource: &DynamicMessage, field: &str) -> String {
    let value = resource.get_field_by_name(field);
    value.and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Reads a document: its kind, its name, the paths of the fields that it sets, and the message.
pub fn read_document(document: Json) -> anyhow::Result<(Kind, String, Vec<String>, DynamicMessage)> {
    let Json::Object(fields) = document else { bail!("it is no object with fields") };
    let name = match fields.get("name") {
        Some(Json::String(name)) => name.clone(),
        _ => bail!("it has no name, such as name: canvases/main"),
    };
    let kind = Kind::of_name(&name)?;
    let descriptor = dynamic::message(kind.message()).context("there is no such message")?;
    let message = dynamic::from_json(descriptor.clone(), Json::Object(fields.clone()))?;
    let field =
        |key: &str| descriptor.get_field_by_name(key).or_else(|| descriptor.get_field_by_json_name(key));
    let mut paths = Vec::new();
    for (field, value) in fields.iter().filter_map(|(key, value)| Some((field(key)?, value))) {
        if field.name() == "name" || !is_input(kind.message(), field.name()) {
            continue;
        }
        let parts =
            value.as_object().filter(|_| field.is_map() || matches!(field.name(), "company" | "person"));
        match parts {
            Some(parts) => paths.extend(parts.keys().map(|part| {
                let inner = match field.kind() {
                    prost_reflect::Kind::Message(inner) if !field.is_map() => {
                        inner.fields().find(|f| f.name() == part || f.json_name() == part)
                    }
                    _ => None,
                };
                format!("{}.{}", field.name(), inner.map_or(part.clone(), |inner| inner.name().to_owned()))
            })),
            None => paths.push(field.name().to_owned()),
        }
    }
    Ok((kind, name, paths, message))
}
