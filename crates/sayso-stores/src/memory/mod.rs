//! A store in memory: a real one, that forgets when it is dropped. For tests and for trying out.

mod store;

pub use store::Memory;
