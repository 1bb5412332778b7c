//! What can stand after a dot: the parts of activities, contacts and the profile, and what can be asked of words and lists.

use std::sync::Arc;

use super::types::{Choices, Type};

/// What stands before the dot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// `activity("type")`
    Activity,
    Contacts,
    /// Contacts or activities, all or those that meet conditions.
    Items,
    /// A list.
    List,
    /// A list of words.
    Words,
    /// A word.
    Text,
}

/// Whether arguments follow a member, in parentheses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Called {
    No,
    Yes,
    /// With arguments it asks something else.
    Either,
}

/// Something that can stand after a dot.
#[derive(Debug)]
pub struct Member {
    pub of: Of,
    pub name: &'static str,
    /// Whether arguments follow it, in parentheses.
    pub called: Called,
    /// As it is written.
    pub written: &'static str,
    /// The name of its type.
    pub ty: &'static str,
    pub meaning: &'static str,
}

const fn member(
    of: Of,
    name: &'static str,
    called: Called,
    written: &'static str,
    ty: &'static str,
    meaning: &'static str,
) -> Member {
    Member { of, name, called, written, ty, meaning }
}

/// All members, but for those of the profile.
pub const MEMBERS: [Member; 50] = [
    member(Of::Activity, "count", Called::No, "activity(\"type\").count", "number", "how often it happened"),
    member(Of::Activity, "sum", Called::Either, "activity(\"type\").sum", "number", "the sum of its amounts"),
    member(
        Of::Activity,
        "last_days",
        Called::No,
        "activity(\"type\").last_days",
        "number",
        "days since it last happened; unknown if it never did",
    ),
    member(
        Of::Activity,
        "within",
        Called::Yes,
        "activity(\"type\").within(days)",
        "number",
        "how often it happened in the last days",
    ),
    member(
        Of::Activity,
        "decayed",
        Called::Yes,
        "activity(\"type\").decayed(half_life_days)",
        "number",
        "sum of amount · 2^(−age / half-life)",
    ),
    member(Of::Contacts, "count", Called::No, "contacts.count", "number", "how many contacts are known"),
    member(
        Of::Contacts,
        "engaged",
        Called::No,
        "contacts.engaged",
        "number",
        "how many contacts have answered",
    ),
    member(
        Of::Contacts,
        "engaged_role",
        Called::Yes,
        "contacts.engaged_role(\"role\")",
        "yes_no",
        "whether a contact in the role has answered",
    ),
    member(
        Of::Contacts,
        "engaged_at",
        Called::Yes,
        "contacts.engaged_at(\"seniority\", …)",
        "number",
        "how many contacts of these seniorities have answered",
    ),
    member(
        Of::Contacts,
        "roles_covered",
        Called::Yes,
        "contacts.roles_covered(list)",
        "number",
        "how many of the roles have a contact",
    ),
    member(
        Of::Items,
        "where",
        Called::Yes,
        "items.where(condition)",
        "items",
        "those of the contacts, of activity(\"type\") or of activities that meet a condition",
    ),
    member(Of::Items, "within", Called::Yes, "items.within(days)", "items", "activities of the last days"),
    member(
        Of::Items,
        "after",
        Called::Yes,
        "items.after(activity(\"type\"))",
        "items",
        "activities with one of the other type before them; .within(days) behind it: at most so long before",
    ),
    member(Of::Items, "count", Called::No, "items.count", "number", "how many there are"),
    member(Of::Items, "any", Called::Yes, "items.any(condition)", "yes_no", "whether one of them meets it"),
    member(Of::Items, "all", Called::Yes, "items.all(condition)", "yes_no", "whether each of them meets it"),
    member(
        Of::Items,
        "none",
        Called::Yes,
        "items.none(condition)",
        "yes_no",
        "whether none of them meets it",
    ),
    member(
        Of::Items,
        "share",
        Called::Yes,
        "items.share(condition)",
        "number",
        "the share that meets it, 0 to 1; unknown if there are none",
    ),
    member(Of::Items, "sum", Called::Either, "items.sum(number)", "number", "the sum of a number of each"),
    member(
        Of::Items,
        "max",
        Called::Yes,
        "items.max(number)",
        "number",
        "the greatest; unknown if there are none",
    ),
    member(
        Of::Items,
        "min",
        Called::Yes,
        "items.min(number)",
        "number",
        "the least; unknown if there are none",
    ),
    member(
        Of::Items,
        "distinct",
        Called::Yes,
        "items.distinct(part)",
        "number",
        "how many different values, such as contacts",
    ),
    member(Of::Items, "last_days", Called::No, "items.last_days", "number", "days since the latest activity"),
    member(
        Of::Items,
        "decayed",
        Called::Yes,
        "items.decayed(half_life_days)",
        "number",
        "sum of amount · 2^(−age / half-life) of activities",
    ),
    member(
        Of::Items,
        "first",
        Called::No,
        "items.first.amount",
        "its type",
        "a part of the earliest activity",
    ),
    member(
        Of::Items,
        "latest",
        Called::No,
        "items.latest.amount",
        "its type",
        "a part of the latest activity",
    ),
    member(Of::List, "count", Called::Either, "list.count", "number", "how many items a list has"),
    member(Of::List, "len", Called::Either, "list.len()", "number", "the same as count"),
    member(Of::List, "is_empty", Called::Either, "list.is_empty()", "yes_no", "whether it has none"),
    member(Of::List, "contains", Called::Yes, "list.contains(item)", "yes_no", "the same as item in list"),
    member(Of::List, "push", Called::Yes, "list.push(item);", "nothing", "adds an item to a variable's list"),
    member(
        Of::List,
        "filter",
        Called::Yes,
        "list.filter(|x| condition)",
        "list",
        "the items that meet a condition",
    ),
    member(Of::List, "map", Called::Yes, "list.map(|x| value)", "list", "what becomes of each item"),
    member(
        Of::List,
        "some",
        Called::Yes,
        "list.some(|x| condition)",
        "yes_no",
        "whether one of them meets a condition",
    ),
    member(
        Of::List,
        "all",
        Called::Yes,
        "list.all(|x| condition)",
        "yes_no",
        "whether each of them meets a condition",
    ),
    member(
        Of::List,
        "reduce",
        Called::Yes,
        "list.reduce(|sum, x| sum + x, 0)",
        "its type",
        "what comes of all items, one after the other",
    ),
    member(
        Of::Words,
        "count_in",
        Called::Yes,
        "list.count_in(list)",
        "number",
        "how many words of the first are in the second",
    ),
    member(
        Of::Text,
        "contains",
        Called::Yes,
        "word.contains(\"…\")",
        "yes_no",
        "whether it stands in the word, ignoring case",
    ),
    member(
        Of::Text,
        "starts_with",
        Called::Yes,
        "word.starts_with(\"…\")",
        "yes_no",
        "whether the word begins so, ignoring case",
    ),
    member(
        Of::Text,
        "ends_with",
        Called::Yes,
        "word.ends_with(\"…\")",
        "yes_no",
        "whether the word ends so, ignoring case",
    ),
    member(
        Of::Text,
        "has_word",
        Called::Yes,
        "word.has_word(\"VP\")",
        "yes_no",
        "whether this stands in it as a whole word, ignoring case; several words must follow each other",
    ),
    member(
        Of::Text,
        "one_of_words",
        Called::Yes,
        "word.one_of_words([\"…\"])",
        "yes_no",
        "whether one of these stands in it as a whole word",
    ),
    member(
        Of::Text,
        "matches",
        Called::Yes,
        "word.matches(\"…\")",
        "yes_no",
        "whether a regular expression matches somewhere in it, ignoring case",
    ),
    member(Of::Text, "length", Called::Either, "word.length", "number", "how many characters it has"),
    member(Of::Text, "len", Called::Either, "word.len", "number", "the same as length"),
    member(Of::Text, "is_empty", Called::Either, "word.is_empty()", "yes_no", "whether it has no characters"),
    member(Of::Text, "trim", Called::Either, "word.trim()", "text", "without spaces before and behind"),
    member(
        Of::Text,
        "lower",
        Called::Either,
        "word.lower()",
        "text",
        "the same word: all comparisons ignore case",
    ),
    member(Of::Text, "to_lower", Called::Either, "word.to_lower()", "text", "the same as lower"),
    member(Of::Text, "host", Called::Either, "word.host", "text", "what stands behind the @ of an address"),
];

/// A member by its name.
pub fn member_of(of: Of, name: &str) -> Option<&'static Member> {
    MEMBERS.iter().find(|member| member.of == of && member.name == name)
}

/// The names of all members of something.
pub fn names_of(of: Of) -> Vec<&'static str> {
    MEMBERS.iter().filter(|member| member.of == of).map(|member| member.name).collect()
}

/// A field of the profile, as `icp.name`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IcpField {
    Technologies,
    Pains,
    Industries,
    Countries,
    DecisionRoles,
    Served,
    Capacity,
}

impl IcpField {
    pub fn ty(self) -> Type {
        match self {
            IcpField::Served => Type::Choice(Arc::new(Choices {
                of: "icp.served".into(),
                words: ["now", "costly", "no"].map(String::from).to_vec(),
            })),
            IcpField::Capacity => Type::Number,
            _ => Type::Words,
        }
    }

    /// The fact whose words it lists.
    pub fn fact(self) -> Option<&'static str> {
        match self {
            IcpField::Technologies => Some("tech"),
            IcpField::Industries => Some("industry"),
            IcpField::Countries => Some("country"),
            IcpField::Pains | IcpField::DecisionRoles | IcpField::Served | IcpField::Capacity => None,
        }
    }
}

/// The profile's fields with their meanings.
pub const ICP_FIELDS: [(&str, IcpField, &str); 7] = [
    ("technologies", IcpField::Technologies, "technologies that fit"),
    ("pains", IcpField::Pains, "pains that the offering relieves"),
    ("industries", IcpField::Industries, "target industries"),
    ("countries", IcpField::Countries, "target countries"),
    (
        "decision_roles",
        IcpField::DecisionRoles,
        "roles that take part in the decision at an account of this size",
    ),
    ("served", IcpField::Served, "size band says whether the account is served; \"no\" outside all bands"),
    ("capacity", IcpField::Capacity, "size band says how many such accounts can be served"),
];
