//! Page sizes and page tokens. A token is opaque, holds the key after which the next page begins, and is
//! bound to the request that it came from.

use prost::Message;
use sha2::{Digest, Sha256};

use super::middleware::admission::HEAVY;
use crate::domain::check::Checker;
use crate::domain::filter::{Field, Filter};
use crate::domain::listing::{Cursor, Order, Query};
use crate::domain::text::hex;
use crate::priority::aside_of_tasks;
use crate::storage::{Part, Window};

const DEFAULT_SIZE: usize = 50;
const MAX_SIZE: usize = 1_000;
/// The most bytes of a page: what clients take by default, and what is held for one that does not read.
const MAX_BYTES: usize = 4_000_000;
/// Characters of the digest at the front of a token.
const DIGEST: usize = 16;

/// A request for a page of a list: `list` names the method, `scope` everything else that decides what is
/// listed, such as the parent and the flags.
pub struct PageRequest {
    binding: String,
    pub size: usize,
    /// The key after which the page begins.
    pub after: Option<String>,
}

impl PageRequest {
    /// Reads `page_size` and `page_token`; violations go to the checker.
    pub fn read(c: &mut Checker, list: &str, scope: &str, page_size: i32, page_token: &str) -> Self {
        c.require(page_size >= 0, "page_size", "must be 0 or more");
        let size = match usize::try_from(page_size) {
            Ok(0) | Err(_) => DEFAULT_SIZE,
            Ok(size) => size.min(MAX_SIZE),
        };
        let binding = format!("{list}\n{scope}");
        let after = match page_token {
            "" => None,
            token => {
                let after = open(&binding, token);
                let message =
                    "is not a token of this list with these arguments; leave it empty to begin anew";
                c.require(after.is_some(), "page_token", message);
                after
            }
        };
        Self { binding, size, after }
    }

    /// How many to ask the store for: one more than fits, to see whether there is a next page.
    pub fn limit(&self) -> usize {
        self.size + 1
    }

    /// The page out of what the store gave, as it is sent: as many items as were asked for, or fewer where they are
    /// large; with the next page's token. What was found is gone then: to drop it takes a while too, and is done aside.
    pub fn cut<T: Send, M: Message>(
        &self,
        found: impl Into<Part<T>>,
        key: impl Fn(&T) -> String + Sync,
        outward: impl Fn(&T) -> M + Sync,
    ) -> (Vec<M>, String) {
        let found = found.into();
        let first = found.first().map_or(0, |first| outward(first).encoded_len());
        match first * found.len() > HEAVY {
            true => aside_of_tasks(|| self.cut_here(found, &key, &outward)),
            false => self.cut_here(found, &key, &outward),
        }
    }

    fn cut_here<T, M: Message>(
        &self,
        found: Part<T>,
        key: &impl Fn(&T) -> String,
        outward: &impl Fn(&T) -> M,
    ) -> (Vec<M>, String) {
        let (mut page, mut bytes) = (Vec::new(), 0);
        for item in found.iter().take(self.size) {
            let message = outward(item);
            bytes += message.encoded_len();
            if bytes > MAX_BYTES && !page.is_empty() {
                break;
            }
            page.push(message);
        }
        let more = found.more || page.len() < found.len();
        let last = page.len().checked_sub(1).filter(|_| more);
        let token = last.map(|last| seal(&self.binding, &key(&found[last]))).unwrap_or_default();
        (page, token)
    }

    /// The key as a number, for lists that are ordered by one.
    pub fn after_number(&self) -> Option<i64> {
        self.after.as_ref().and_then(|after| after.parse().ok())
    }

    /// The part of such a list that is asked for.
    pub fn window(&self) -> Window {
        Window { after: self.after_number(), limit: self.limit() }
    }
}

/// A request for a page of a list that can be filtered and ordered.
pub struct ListRequest {
    page: PageRequest,
    query: Query,
}

/// What a request says about its list.
pub struct Wanted<'a> {
    pub filter: &'a str,
    pub order_by: &'a str,
    pub page_size: i32,
    pub page_token: &'a str,
}

impl ListRequest {
    /// Reads a request; violations go to the checker. `usual` is the order if none is asked for.
    pub fn read(
        c: &mut Checker,
        (list, scope): (&str, &str),
        fields: &'static [Field],
        usual: Order,
        wanted: Wanted,
    ) -> Self {
        let Wanted { filter, order_by, page_size, page_token } = wanted;
        let scope = format!("{scope}\n{order_by}\n{filter}");
        let page = PageRequest::read(c, list, &scope, page_size, page_token);
        let filter = Filter::read(c, filter, fields);
        let order = match Order::parse(order_by, fields) {
            _ if order_by.trim().is_empty() => usual,
            Ok(order) => order,
            Err(message) => {
                c.wrong_field("order_by", message);
                usual
            }
        };
        let after = page.after.as_ref().and_then(|text| {
            let cursor: Option<Cursor> = serde_json::from_str(text).ok();
            let cursor = cursor.filter(|cursor| cursor.fits(order, fields));
            c.require(cursor.is_some(), "page_token", "is not a token of this list");
            cursor
        });
        let query = Query { filter, order, after, limit: page.limit() };
        Self { page, query }
    }

    pub fn query(&self) -> Query {
        self.query.clone()
    }

    /// The page out of what was found; with the next page's token.
    pub fn cut<T: Send, M: Message>(
        &self,
        found: impl Into<Part<T>>,
        listed: impl Fn(&T) -> Cursor + Sync,
        outward: impl Fn(&T) -> M + Sync,
    ) -> (Vec<M>, String) {
        self.page.cut(found, |item| serde_json::to_string(&listed(item)).unwrap_or_default(), outward)
    }

    pub fn order(&self) -> Order {
        self.query.order
    }
}

fn digest(binding: &str, key: &str) -> String {
    let hash = Sha256::digest(format!("{}\n{binding}\n{key}", binding.len()));
    hex(&hash[..DIGEST / 2])
}

fn seal(binding: &str, key: &str) -> String {
    format!("{}{}", digest(binding, key), hex(key.as_bytes()))
}

fn open(binding: &str, token: &str) -> Option<String> {
    let (digits, key) = token.split_at_checked(DIGEST)?;
    let byte = |i: usize| u8::from_str_radix(key.get(i..i + 2)?, 16).ok();
    let bytes: Vec<u8> = (0..key.len()).step_by(2).map(byte).collect::<Option<_>>()?;
    let key = String::from_utf8(bytes).ok().filter(|key| !key.contains('\0'))?;
    (digest(binding, &key) == digits && seal(binding, &key) == token).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_token_is_bound_to_its_list_and_arguments() {
        let token = seal("leads\n", "leads/a");
        assert_eq!(open("leads\n", &token).as_deref(), Some("leads/a"));
        assert_eq!(open("leads\ntrue", &token), None);
        assert_eq!(open("leads\n", &token.to_uppercase()), None);
    }

    proptest! {
        #[test]
        fn any_text_that_we_did_not_make_is_refused(token in "\\PC{0,60}|[0-9a-f]{16,40}", key in "\\PC{0,20}") {
            prop_assert_eq!(open("x", &token), None);
            prop_assert_eq!(open("x", &seal("x", &key)), Some(key));
        }
    }
}
