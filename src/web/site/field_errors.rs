//! Every error of a form, each shown beside its field.

/// Every mistake of a form, in the order of its fields.
#[derive(Debug, Default)]
pub(super) struct FieldErrors(Vec<FieldError>);

/// One mistake.
#[derive(Debug)]
pub(super) struct FieldError {
    /// The field's id.
    pub(super) field: String,
    /// What is wrong and what to do, for the subscriber.
    pub(super) message: String,
}

impl FieldErrors {
    /// Adds one.
    pub(super) fn add(&mut self, field: impl Into<String>, told: impl Into<String>) {
        self.0.push(FieldError { field: field.into(), message: told.into() });
    }

    /// Adds others behind these.
    pub(super) fn append(&mut self, mut others: Self) {
        self.0.append(&mut others.0);
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them.
    pub(super) fn all(&self) -> &[FieldError] {
        &self.0
    }

    /// Whether this field has one.
    pub(super) fn has(&self, field: &str) -> bool {
        self.0.iter().any(|mistake| mistake.field == field)
    }

    /// Those of one field.
    pub(super) fn for_field<'a>(&'a self, field: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |mistake| mistake.field == field).map(|mistake| &*mistake.message)
    }
}
