//! The errors of a form, each shown beside its field.

use super::markup::Markup;

/// How many errors a summary lists.
const MAX_SUMMARY: usize = 10;

/// The errors in the order of the form's fields.
#[derive(Debug, Default)]
pub(super) struct FieldErrors(Vec<FieldError>);

#[derive(Debug)]
pub(super) struct FieldError {
    /// The field's id.
    pub(super) field: String,
    /// What is wrong and what to do.
    pub(super) message: Markup,
}

impl FieldErrors {
    pub(super) fn add(&mut self, field: impl Into<String>, message: Markup) {
        self.0.push(FieldError { field: field.into(), message });
    }

    pub(super) fn append(&mut self, mut others: Self) {
        self.0.append(&mut others.0);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first errors, up to the summary's limit.
    pub(super) fn first(&self) -> &[FieldError] {
        self.0.get(..MAX_SUMMARY).unwrap_or(&self.0)
    }

    /// How many errors the summary leaves out.
    pub(super) fn others(&self) -> usize {
        self.0.len().saturating_sub(MAX_SUMMARY)
    }

    pub(super) fn has(&self, field: &str) -> bool {
        self.0.iter().any(|error| error.field == field)
    }

    /// The messages of one field.
    pub(super) fn for_field<'a>(&'a self, field: &'a str) -> impl Iterator<Item = &'a Markup> {
        self.0.iter().filter(move |error| error.field == field).map(|error| &error.message)
    }
}
