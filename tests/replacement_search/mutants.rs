//! Safety rules that are taken out, to see that the search notices.

/// One rule that does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mutant;
