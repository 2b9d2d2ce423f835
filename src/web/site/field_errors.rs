//! The errors of a form, each shown beside its field.

use std::collections::HashMap;

use super::markup::Markup;

/// How many errors a summary lists.
const MAX_SUMMARY: usize = 10;

/// The errors in the order of the form's fields.
#[derive(Debug, Default)]
pub(super) struct FieldErrors {
    in_order: Vec<FieldError>,
    /// The places of each field's errors: a form may have a thousand fields (`U4`).
    by_field: HashMap<String, Vec<usize>>,
}

#[derive(Debug)]
pub(super) struct FieldError {
    /// The field's id.
    pub(super) field: String,
    /// What is wrong and what to do.
    pub(super) message: Markup,
}

impl FieldErrors {
    pub(super) fn add(&mut self, field: impl Into<String>, message: Markup) {
        let field = field.into();
        self.by_field.entry(field.clone()).or_default().push(self.in_order.len());
        self.in_order.push(FieldError { field, message });
    }

    pub(super) fn append(&mut self, others: Self) {
        for FieldError { field, message } in others.in_order {
            self.add(field, message);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.in_order.is_empty()
    }

    /// The first errors, up to the summary's limit.
    pub(super) fn first(&self) -> &[FieldError] {
        self.in_order.get(..MAX_SUMMARY).unwrap_or(&self.in_order)
    }

    /// How many errors the summary leaves out.
    pub(super) fn others(&self) -> usize {
        self.in_order.len().saturating_sub(MAX_SUMMARY)
    }

    pub(super) fn has(&self, field: &str) -> bool {
        self.by_field.contains_key(field)
    }

    /// The messages of one field.
    pub(super) fn for_field(&self, field: &str) -> impl Iterator<Item = &Markup> {
        let places = self.by_field.get(field).into_iter().flatten();
        places.filter_map(|place| Some(&self.in_order.get(*place)?.message))
    }
}
