//! What a schema cannot say. Every check reads the tree, so that one broken entry hides no
//! problem of another.

mod clocks;
mod references;
mod rules;
mod texts;
mod values;

use serde_json::Value;

use crate::{
    problem::Problems,
    tree::{At, Node},
};

/// Reports whatever is wrong beyond the shape. `value` is the tree without its unknown fields.
pub(crate) fn check(root: &Node, value: &Value, problems: &mut Problems) {
    let root = At::root(root);
    references::check(&root, problems);
    texts::check(&root, problems);
    values::check(&root, problems);
    clocks::check(&root, problems);
    rules::check(&root, value, problems);
}
