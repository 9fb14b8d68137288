//! Whatever is sent, the answer is a clear one and nothing is written by half.
//!
//! The properties are in [`property`], which the fuzz targets use as well. Here they are put to
//! what somebody thought of (`bodies`, `headers`, `imports`), to what chance brings (`chance`) and to
//! what fuzzing begins with (`seeds`).

#[cfg(test)]
mod batches;
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
mod seeds;
#[cfg(test)]
mod tail;
