//! The seeds of the fuzz targets: what once broke something is kept as one.

use std::{collections::BTreeSet, fs, path::Path};

use super::property::{targets::TARGETS, world::World};

#[test]
fn the_seeds_of_every_fuzz_target_hold() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds");
    let names = |folder: &Path| -> BTreeSet<String> {
        let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
        entries.map(|entry| entry.file_name().into_string().unwrap()).collect()
    };
    assert_eq!(names(&seeds), TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect());
    let world = World::new();
    for (name, target) in TARGETS {
        let folder = seeds.join(name);
        for seed in names(&folder) {
            eprintln!("{name}/{seed}");
            target(&world, &fs::read(folder.join(seed)).unwrap());
        }
    }
}
