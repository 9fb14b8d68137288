//! Catalogs, good and bad.

#[cfg(test)]
mod compare;
#[cfg(test)]
mod hearth;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod problems;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod schema;
