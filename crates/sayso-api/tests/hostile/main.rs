//! Whatever is sent, the answer is a clear one and nothing is written by half.
//!
//! The properties are in [`property`], which the fuzz targets use as well. Here they are put to
//! what somebody thought of (`bodies`, `headers`, `imports`) and to what chance brings (`chance`).

#[cfg(test)]
mod bodies;
#[cfg(test)]
mod chance;
#[cfg(test)]
mod headers;
#[cfg(test)]
mod imports;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod property;
#[cfg(test)]
mod tail;
