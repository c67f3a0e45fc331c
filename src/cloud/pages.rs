//! Lists that come in pages, by number (VPC) or by a cursor (CBN). A list that does not add up is no list at all.

use super::client::{Client, readable};
use super::error::{Certainty, CloudError, Retry};
use super::wire::{FieldError, Fields, Parameters};
use crate::facts::endpoints::{CENTRAL_REGION, Product};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// The most that the VPC API gives at once (cloud/api.md 2.1); CBN's lists take it too (cloud/api.md 4.1).
pub const PAGE_SIZE: usize = 50;

/// No list of one region is near it; a cursor that never ends must not keep us.
const MOST_ROWS: usize = 10_000;

/// Which list, and where it is in the answer.
pub(super) struct List<'a> {
    action: &'a str,
    product: Product,
    region: &'a str,
    filters: Parameters,
    /// Names of the wrapper and of the list inside it, e.g. `CustomerGateways` and `CustomerGateway`.
    outer: &'a str,
    inner: &'a str,
}

/// One page, read.
struct Page<T> {
    /// How many rows the whole list has; CBN may leave it out.
    total: Option<usize>,
    rows: Vec<T>,
    next: Option<String>,
    request_id: String,
}

enum PageError {
    Cloud(CloudError),
    Inconsistent { problem: String, request_id: String },
}

impl<'a> List<'a> {
    /// A list of the VPC API, paged by number.
    pub(super) fn vpc(action: &'a str, region: &'a str, outer: &'a str, inner: &'a str) -> List<'a> {
        List { action, product: Product::Vpc, region, filters: Parameters::new().with("RegionId", region), outer, inner }
    }

    /// A list of CBN's, paged by `NextToken`; its rows are bare in the answer (cloud/api.md 4.1).
    pub(super) fn cbn(action: &'a str, outer: &'a str) -> List<'a> {
        List { action, product: Product::Cbn, region: CENTRAL_REGION, filters: Parameters::new(), outer, inner: "" }
    }

    /// CBN answers wrong parameters with a RequestId and no list (cloud/api.md 4.1): that none is meant, the count must say.
    fn may_be_left_out(&self, total: Option<usize>) -> bool {
        self.product == Product::Cbn && total == Some(0)
    }

    pub(super) fn with(self, name: &str, value: impl ToString) -> List<'a> {
        List { filters: self.filters.with(name, value), ..self }
    }

    pub(super) fn with_list<T: ToString>(self, name: &str, values: impl IntoIterator<Item = T>) -> List<'a> {
        List { filters: self.filters.with_list(name, values), ..self }
    }
}

impl Client {
    /// Reads a list to its end. Where pages contradict one another, everything is thrown away and read once more.
    /// `id` is what no two rows may share; `None` for rows that have nothing of the kind.
    ///
    /// # Errors
    /// Where a call fails, a row cannot be read, the answer has no list, or the list contradicts itself twice.
    pub(super) async fn every_row<T>(
        &self,
        list: &List<'_>,
        row: impl Fn(&Fields<'_>) -> Result<T, FieldError>,
        id: impl Fn(&T) -> Option<Cow<'_, str>>,
    ) -> Result<Vec<T>, CloudError> {
        let mut tries_left = 2;
        loop {
            tries_left -= 1;
            match self.every_page(list, &row, &id).await {
                Ok(rows) => return Ok(rows),
                Err(PageError::Cloud(error)) => return Err(error),
                Err(PageError::Inconsistent { .. }) if tries_left > 0 => self.pause().await,
                Err(PageError::Inconsistent { problem, request_id }) => {
                    return Err(inconsistent(list.action, format!("the list contradicts itself: {problem}"), Some(request_id)));
                }
            }
        }
    }

    async fn every_page<T>(
        &self,
        list: &List<'_>,
        row: &impl Fn(&Fields<'_>) -> Result<T, FieldError>,
        id: &impl Fn(&T) -> Option<Cow<'_, str>>,
    ) -> Result<Vec<T>, PageError> {
        let (rows, request_id) = match list.product {
            Product::Cbn => self.chained(list, row).await?,
            Product::Vpc | Product::Sts => self.numbered(list, row).await?,
        };
        let mut seen = BTreeSet::new();
        if !rows.iter().filter_map(id).all(|id| seen.insert(id)) {
            return Err(PageError::Inconsistent { problem: "an id is listed twice".to_owned(), request_id });
        }
        Ok(rows)
    }

    async fn numbered<T>(
        &self,
        list: &List<'_>,
        row: &impl Fn(&Fields<'_>) -> Result<T, FieldError>,
    ) -> Result<(Vec<T>, String), PageError> {
        let mut rows: Vec<T> = Vec::new();
        let mut total = None;
        let mut number = 1;
        loop {
            let turn = Parameters::new().with("PageNumber", number).with("PageSize", PAGE_SIZE);
            let page = self.page(list, turn, row).await.map_err(PageError::Cloud)?;
            let wrong = |problem: String| Err(PageError::Inconsistent { problem, request_id: page.request_id.clone() });
            let Some(told) = page.total else { return wrong("TotalCount is missing".to_owned()) };
            let expected = *total.get_or_insert(told);
            if told != expected {
                return wrong(format!("TotalCount changed from {expected} to {told}"));
            }
            let due = expected.saturating_sub(rows.len()).min(PAGE_SIZE);
            if page.rows.len() != due {
                return wrong(format!("page {number} of {expected} rows holds {} instead of {due}", page.rows.len()));
            }
            rows.extend(page.rows);
            if rows.len() == expected {
                return Ok((rows, page.request_id));
            }
            number += 1;
        }
    }

    async fn chained<T>(
        &self,
        list: &List<'_>,
        row: &impl Fn(&Fields<'_>) -> Result<T, FieldError>,
    ) -> Result<(Vec<T>, String), PageError> {
        let mut rows: Vec<T> = Vec::new();
        let mut total = None;
        let mut token: Option<String> = None;
        loop {
            let turn = Parameters::new().with("MaxResults", PAGE_SIZE).with_some("NextToken", token.as_deref());
            let page = self.page(list, turn, row).await.map_err(PageError::Cloud)?;
            let wrong = |problem: String| Err(PageError::Inconsistent { problem, request_id: page.request_id.clone() });
            if let (Some(told), Some(before)) = (page.total, total)
                && told != before
            {
                return wrong(format!("TotalCount changed from {before} to {told}"));
            }
            total = total.or(page.total);
            if page.next.is_some() && (page.rows.is_empty() || page.next == token) {
                return wrong("its cursor leads nowhere".to_owned());
            }
            rows.extend(page.rows);
            if rows.len() > total.unwrap_or(MOST_ROWS) {
                return wrong(format!("it holds more than {} rows", total.unwrap_or(MOST_ROWS)));
            }
            token = page.next;
            if token.is_none() {
                return match total {
                    Some(expected) if expected != rows.len() => Err(PageError::Inconsistent {
                        problem: format!("it holds {} of {expected} rows", rows.len()),
                        request_id: page.request_id,
                    }),
                    _ => Ok((rows, page.request_id)),
                };
            }
        }
    }

    async fn page<T>(
        &self,
        list: &List<'_>,
        turn: Parameters,
        row: &impl Fn(&Fields<'_>) -> Result<T, FieldError>,
    ) -> Result<Page<T>, CloudError> {
        let query = list.filters.clone().and(turn);
        let accepted = self.read(list.product, list.action, list.region, &query).await?;
        let read = || {
            let root = Fields::root(&accepted.body)?;
            let total = root.optional_number("TotalCount")?.map(usize::try_from).transpose();
            let total = total.map_err(|_| root.error("TotalCount", "is too large"))?;
            let items = match root.objects(list.outer, list.inner)? {
                Some(items) => items,
                None if list.may_be_left_out(total) => Vec::new(),
                None => return Err(root.error(list.outer, "is missing")),
            };
            let rows = items.iter().map(row).collect::<Result<Vec<T>, FieldError>>()?;
            Ok(Page { total, rows, next: root.optional_text("NextToken")?, request_id: accepted.request_id.clone() })
        };
        readable(list.action, &accepted, read())
    }
}

/// Readings that cannot all be true: none of them counts.
pub(crate) fn inconsistent(action: &str, problem: String, request_id: Option<String>) -> CloudError {
    CloudError {
        action: action.to_owned(),
        code: String::new(),
        message: problem,
        status: 200,
        request_id,
        certainty: Certainty::DidNotHappen,
        retry: Retry::Transient,
        remedy: "somebody may be changing this region right now: try again in a minute; the service does so by itself".to_owned(),
    }
}
