//! Sections of words in a file: written one after the other, each with its digest, and mapped.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    sync::atomic::{AtomicU64, Ordering},
};

use sayso_decision::image::Sections;
use sayso_map::Words;
use serde::{Deserialize, Serialize};

use crate::{parallel::each, record::Hash};

/// How many words are digested at a time.
const RUN: usize = 8_192;
/// Words of a line of the processor's cache.
const LINE: u64 = 8;

/// What is known of a section.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Section {
    /// Where it begins, in words.
    from: u64,
    /// How many words.
    words: u64,
    /// BLAKE3 of its bytes, words in this machine's order: it is read where it was written.
    digest: Hash,
}

impl Section {
    /// Where it ends, in bytes.
    pub(super) fn end(&self) -> u64 {
        8 * self.from.saturating_add(self.words)
    }

    /// Where one of its words is, in bytes.
    pub(super) fn place(&self, word: usize) -> u64 {
        8 * (self.from + word as u64)
    }
}

/// Sections under way.
pub struct Sheet {
    file: BufWriter<File>,
    sections: Vec<Section>,
    words: u64,
}

impl Sheet {
    /// From the beginning of an empty file.
    pub fn new(file: File) -> Self {
        Self { file: BufWriter::with_capacity(1 << 20, file), sections: Vec::new(), words: 0 }
    }

    /// Writes the next section.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn section(&mut self, words: &[u64]) -> io::Result<()> {
        let (mut digest, mut room) = (blake3::Hasher::new(), vec![0; 8 * RUN]);
        for run in words.chunks(RUN) {
            let bytes = laid_out(run.iter().copied(), &mut room);
            digest.update(bytes);
            self.file.write_all(bytes)?;
        }
        let (from, words) = (self.words, words.len() as u64);
        self.sections.push(Section { from, words, digest: *digest.finalize().as_bytes() });
        // The next one begins with a line of the processor's cache, as its words did in memory.
        self.words = (from + words).next_multiple_of(LINE);
        let between = self.words - from - words;
        self.file.write_all(&[0; 8 * LINE as usize][..8 * between as usize])
    }

    /// The sections, and the file to write on behind them.
    pub fn finish(self) -> (Vec<Section>, BufWriter<File>) {
        (self.sections, self.file)
    }
}

/// Words as they lie in memory. Word by word: a start lays out all there is, and byte by byte takes
/// many times as long.
fn laid_out(words: impl ExactSizeIterator<Item = u64>, room: &mut [u8]) -> &[u8] {
    let length = 8 * words.len();
    let (places, _) = room.as_chunks_mut::<8>();
    for (place, word) in places.iter_mut().zip(words) {
        *place = word.to_ne_bytes();
    }
    &room[..length]
}

/// A file that is mapped, by section.
pub struct Mapped {
    words: Words,
    sections: Vec<Section>,
}

impl Mapped {
    /// Maps a file. What is in it is not looked at yet.
    ///
    /// # Errors
    /// It cannot be mapped, or ends before its last section does.
    pub fn new(file: &File, sections: &[Section]) -> io::Result<Self> {
        let words = Words::map(file)?;
        let all = words.words().len() as u64;
        let is_within = |section: &Section| {
            section.from.checked_add(section.words).is_some_and(|end| end <= all)
        };
        if !sections.iter().all(is_within) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it ends too soon"));
        }
        Ok(Self { words, sections: sections.to_vec() })
    }

    /// Whether everything is as it was written. To be looked at before anything is read: later it
    /// may hold what was written to memory since.
    pub fn is_whole(&self) -> bool {
        let numbers: Vec<usize> = (0..self.sections.len()).collect();
        let is_whole = |number: &usize| {
            let (mut digest, mut room) = (blake3::Hasher::new(), vec![0; 8 * RUN]);
            for run in self.section(*number).chunks(RUN) {
                let words = run.iter().map(|word| word.load(Ordering::Relaxed));
                digest.update(laid_out(words, &mut room));
            }
            *digest.finalize().as_bytes() == self.sections[*number].digest
        };
        each(&numbers, is_whole).into_iter().all(|is_whole| is_whole)
    }
}

impl Sections for Mapped {
    fn section(&self, number: usize) -> &[AtomicU64] {
        let Section { from, words, .. } = self.sections[number];
        &self.words.words()[from as usize..(from + words) as usize]
    }
}
