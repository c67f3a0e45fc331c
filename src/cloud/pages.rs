//! Lists that come in pages. A list that does not add up is no list at all.

use super::client::{Client, readable};
use super::error::{Certainty, CloudError, Retry};
use super::wire::{FieldError, Fields, Parameters};
use crate::facts::endpoints::Product;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// The most that the cloud gives at once (cloud/api.md 2.1).
pub const PAGE_SIZE: usize = 50;

/// Which list, and where it is in the answer.
pub struct List<'a> {
    pub action: &'a str,
    pub region: &'a str,
    /// Names of the wrapper and of the list inside it, e.g. `CustomerGateways` and `CustomerGateway`. A list that comes bare has no
    /// wrapper.
    pub outer: &'a str,
    pub inner: &'a str,
    /// Which part of it is asked for.
    pub filter: Parameters,
}

/// One page, read.
struct Page<T> {
    total: usize,
    rows: Vec<T>,
    request_id: String,
}

enum PageError {
    Cloud(CloudError),
    Inconsistent { problem: String, request_id: String },
}

impl Client {
    /// Reads a list to its end. Where pages contradict one another, everything is thrown away and read once more.
    ///
    /// # Errors
    /// Where a call fails, a row cannot be read, or the list contradicts itself twice.
    pub(super) async fn every_row<T>(
        &self,
        list: &List<'_>,
        row: impl Fn(&Fields<'_>) -> Result<T, FieldError>,
        id: impl Fn(&T) -> Cow<'_, str>,
    ) -> Result<Vec<T>, CloudError> {
        let mut tries_left = 2;
        loop {
            tries_left -= 1;
            match self.every_page(list, &row, &id).await {
                Ok(rows) => return Ok(rows),
                Err(PageError::Cloud(error)) => return Err(error),
                Err(PageError::Inconsistent { .. }) if tries_left > 0 => self.pause().await,
                Err(PageError::Inconsistent { problem, request_id }) => return Err(inconsistent(list.action, problem, request_id)),
            }
        }
    }

    async fn every_page<T>(
        &self,
        list: &List<'_>,
        row: &impl Fn(&Fields<'_>) -> Result<T, FieldError>,
        id: &impl Fn(&T) -> Cow<'_, str>,
    ) -> Result<Vec<T>, PageError> {
        let mut rows: Vec<T> = Vec::new();
        let mut total = None;
        for number in 1.. {
            let page = self.page(list, number, row).await.map_err(PageError::Cloud)?;
            let expected = *total.get_or_insert(page.total);
            let wrong = |problem: String| PageError::Inconsistent { problem, request_id: page.request_id.clone() };
            if page.total != expected {
                return Err(wrong(format!("TotalCount changed from {expected} to {}", page.total)));
            }
            let due = expected.saturating_sub(rows.len()).min(PAGE_SIZE);
            if page.rows.len() != due {
                return Err(wrong(format!("page {number} of {expected} rows holds {} instead of {due}", page.rows.len())));
            }
            rows.extend(page.rows);
            if rows.len() == expected {
                let ids: BTreeSet<Cow<'_, str>> = rows.iter().map(id).collect();
                if ids.len() != rows.len() {
                    return Err(wrong("an id is listed twice".to_owned()));
                }
                break;
            }
        }
        Ok(rows)
    }

    async fn page<T>(
        &self,
        list: &List<'_>,
        number: usize,
        row: &impl Fn(&Fields<'_>) -> Result<T, FieldError>,
    ) -> Result<Page<T>, CloudError> {
        let query =
            Parameters::new().with("RegionId", list.region).with("PageNumber", number).with("PageSize", PAGE_SIZE).and(list.filter.clone());
        let accepted = self.read(Product::Vpc, list.action, list.region, &query).await?;
        let read = || {
            let root = Fields::root(&accepted.body)?;
            let items = root.objects(list.outer, list.inner)?.ok_or_else(|| root.error(list.outer, "is missing"))?;
            let total = usize::try_from(root.number("TotalCount")?).map_err(|_| root.error("TotalCount", "is too large"))?;
            let rows = items.iter().map(row).collect::<Result<Vec<T>, FieldError>>()?;
            Ok(Page { total, rows, request_id: accepted.request_id.clone() })
        };
        readable(list.action, &accepted, read())
    }
}

fn inconsistent(action: &str, problem: String, request_id: String) -> CloudError {
    CloudError {
        action: action.to_owned(),
        code: String::new(),
        message: format!("the list contradicts itself: {problem}"),
        status: 200,
        request_id: Some(request_id),
        certainty: Certainty::DidNotHappen,
        retry: Retry::Transient,
        remedy: "somebody may be changing this region right now; it is read again by itself".to_owned(),
    }
}
