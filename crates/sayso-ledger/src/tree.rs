//! The Merkle tree over commitments: RFC 6962 hashing, C2SP tiles of height 8.
//!
//! Kept in memory: the roots of full tiles and the leaves of the last, partial one; one hash for
//! 256 entries. Leaves of full tiles are read from the store when a proof needs them.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::record::Hash;

/// Leaves in a tile.
pub const TILE: usize = 256;

/// The hash of a leaf.
pub fn leaf_hash(commitment: &Hash) -> Hash {
    Sha256::new().chain_update([0]).chain_update(commitment).finalize().into()
}

fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The root over hashes of equal height (MTH of RFC 6962 2.1, of a list that is not empty).
fn root_of(hashes: &[Hash]) -> Hash {
    match hashes {
        [] => Sha256::digest([]).into(),
        [one] => *one,
        _ => {
            let (left, right) = hashes.split_at(split(hashes.len()));
            node_hash(&root_of(left), &root_of(right))
        }
    }
}

/// The largest power of two below `length`.
fn split(length: usize) -> usize {
    length.next_power_of_two() / 2
}

/// The tree over the commitments so far.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Tree {
    tiles: Vec<Hash>,
    tail: Vec<Hash>,
    /// The roots of perfect subtrees, largest first, with their heights: the root in O(log n).
    frontier: Frontier,
}

/// The roots of the perfect subtrees that a tree is made of.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Frontier {
    size: u64,
    roots: Vec<Hash>,
}

impl Frontier {
    /// How many leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf by its commitment.
    pub fn push(&mut self, commitment: &Hash) {
        let mut hash = leaf_hash(commitment);
        let mut carry = self.size;
        while carry & 1 == 1 {
            if let Some(left) = self.roots.pop() {
                hash = node_hash(&left, &hash);
            }
            carry >>= 1;
        }
        self.roots.push(hash);
        self.size += 1;
    }

    /// The root.
    pub fn root(&self) -> Hash {
        let mut roots = self.roots.iter().rev();
        match roots.next() {
            None => root_of(&[]),
            Some(last) => roots.fold(*last, |right, left| node_hash(left, &right)),
        }
    }
}

impl Tree {
    /// How many leaves.
    pub fn size(&self) -> u64 {
        self.frontier.size
    }

    /// The root.
    pub fn root(&self) -> Hash {
        self.frontier.root()
    }

    /// The frontier, to try leaves on that may not come to be.
    pub fn frontier(&self) -> Frontier {
        self.frontier.clone()
    }

    /// Adds a leaf by its commitment.
    pub fn push(&mut self, commitment: &Hash) {
        self.frontier.push(commitment);
        self.tail.push(leaf_hash(commitment));
        if self.tail.len() == TILE {
            self.tiles.push(root_of(&self.tail));
            self.tail.clear();
        }
    }

    /// The audit path of leaf `index` in the whole tree (RFC 6962 2.1.1): the sibling hashes from
    /// the leaf up. `commitments` are those of the leaf's own tile, as far as it is filled.
    pub fn proof(&self, index: u64, commitments: &[Hash]) -> Vec<Hash> {
        let (tile, leaf) = (index as usize / TILE, index as usize % TILE);
        let leaves: Vec<Hash> = commitments.iter().map(leaf_hash).collect();
        let mut path = Vec::new();
        let is_partial = tile == self.tiles.len();
        audit_path(&leaves, leaf, &mut path);
        let mut tops = self.tiles.clone();
        if !self.tail.is_empty() {
            tops.push(root_of(&self.tail));
        }
        // INVARIANT: a full tile is a perfect subtree, so the split of the whole tree runs
        // between tiles until it reaches one; a path is the tile's own, then the tops'.
        if tops.len() > 1 || is_partial {
            audit_path(&tops, tile, &mut path);
        }
        path
    }
}

/// The siblings of item `index`, from the bottom up.
fn audit_path(hashes: &[Hash], index: usize, path: &mut Vec<Hash>) {
    if hashes.len() < 2 {
        return;
    }
    let (left, right) = hashes.split_at(split(hashes.len()));
    if index < left.len() {
        audit_path(left, index, path);
        path.push(root_of(right));
    } else {
        audit_path(right, index - left.len(), path);
        path.push(root_of(left));
    }
}

/// The root that a leaf and its audit path come to (RFC 9162 2.1.3.2); `None` if the path cannot
/// be that of such a leaf.
pub fn root_by_path(commitment: &Hash, index: u64, size: u64, path: &[Hash]) -> Option<Hash> {
    if index >= size {
        return None;
    }
    let (mut node, mut last) = (index, size - 1);
    let mut hash = leaf_hash(commitment);
    for sibling in path {
        if last == 0 {
            return None;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commitments(count: usize) -> Vec<Hash> {
        (0..count).map(|n| Sha256::digest(n.to_be_bytes()).into()).collect()
    }

    #[test]
    fn every_leaf_is_proven_at_every_size() {
        for size in [1, 2, 3, 7, 8, 255, 256, 257, 300, 512, 513, 1000] {
            let all = commitments(size);
            let mut tree = Tree::default();
            all.iter().for_each(|commitment| tree.push(commitment));
            let leaves: Vec<Hash> = all.iter().map(leaf_hash).collect();
            assert_eq!(tree.root(), root_of(&leaves), "root of {size}");
            for index in 0..size {
                let tile = index / TILE * TILE;
                let path = tree.proof(index as u64, &all[tile..(tile + TILE).min(size)]);
                let root = root_by_path(&all[index], index as u64, size as u64, &path);
                assert_eq!(root, Some(tree.root()), "leaf {index} of {size}");
            }
        }
    }

    #[test]
    fn a_changed_leaf_or_path_gives_another_root() {
        let all = commitments(300);
        let mut tree = Tree::default();
        all.iter().for_each(|commitment| tree.push(commitment));
        let mut path = tree.proof(5, &all[..256]);
        assert_ne!(root_by_path(&all[6], 5, 300, &path), Some(tree.root()));
        path[0][0] ^= 1;
        assert_ne!(root_by_path(&all[5], 5, 300, &path), Some(tree.root()));
        assert_eq!(root_by_path(&all[5], 300, 300, &path), None);
    }

    #[test]
    fn the_empty_tree_has_the_root_of_nothing() {
        let empty = Tree::default().root();
        assert_eq!(
            hex::encode(empty),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
