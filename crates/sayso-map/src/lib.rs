//! A file's words in memory, without reading it first.
//!
//! What is written to the words stays in this process: the mapping is private, so the file keeps
//! what it was written with. This is the one crate of the project with unsafe code, and holds
//! nothing else.

use std::{fs::File, io, sync::atomic::AtomicU64};

use memmap2::{MmapOptions, MmapRaw};

/// The words of a file, in the order of this machine's bytes.
pub struct Words(MmapRaw);

impl Words {
    /// Maps a file. Bytes behind its last whole word are left out.
    ///
    /// Nobody may cut the file short while it is mapped: reading behind its new end would end the
    /// process. Sayso's own files are put aside by a new one in their place and never changed.
    ///
    /// # Errors
    /// The file is empty, or the system cannot map it.
    pub fn map(file: &File) -> io::Result<Self> {
        #[expect(unsafe_code, reason = "a mapping is memory that others could change")]
        // SAFETY: the mapping is private and read as atomics only, so whatever others do to the
        // file's bytes is at worst another number.
        let map = unsafe { MmapOptions::new().map_copy(file)? };
        Ok(Self(MmapRaw::from(map)))
    }

    /// The words.
    pub fn words(&self) -> &[AtomicU64] {
        let count = self.0.len() / size_of::<AtomicU64>();
        #[expect(unsafe_code, reason = "the mapping's bytes as words")]
        // SAFETY: a mapping begins at a page, so it is aligned; it has this many words, lives as
        // long as `self`, can be written to, and is handed out in no other way. Any bits are a
        // number.
        unsafe {
            std::slice::from_raw_parts(self.0.as_mut_ptr().cast::<AtomicU64>(), count)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Write, sync::atomic::Ordering};

    use super::*;

    #[test]
    fn words_are_those_of_the_file_and_the_file_keeps_them() {
        let mut file = tempfile::tempfile().unwrap();
        for word in [7_u64, u64::MAX] {
            file.write_all(&word.to_ne_bytes()).unwrap();
        }
        file.write_all(b"rest").unwrap();
        let words = Words::map(&file).unwrap();
        let read = |words: &Words| -> Vec<u64> {
            words.words().iter().map(|word| word.load(Ordering::Relaxed)).collect()
        };
        assert_eq!(read(&words), [7, u64::MAX]);
        words.words()[0].store(8, Ordering::Relaxed);
        assert_eq!(read(&words), [8, u64::MAX]);
        assert_eq!(read(&Words::map(&file).unwrap()), [7, u64::MAX]);
    }

    #[test]
    fn an_empty_file_has_no_words_to_map() {
        let file = tempfile::tempfile().unwrap();
        assert!(Words::map(&file).is_err() || Words::map(&file).unwrap().words().is_empty());
    }
}
