//! The API reference, read from the OpenAPI document that the code declares.

mod page;
mod prose;
mod read;
mod sample;
mod shape;

pub(crate) use prose::{line, prose};

pub use page::{Answer, Group, Operation, Page, Parameter, Sample, Section};
pub use shape::{Field, Shape};
