//! The worked example of `docs/reference/ledger.md` is what this program computes.

use sayso_consent::{Entry, SubjectId};
use sayso_ledger::{
    checkpoint::{Checkpoint, verifier_key},
    journal::{self, Line},
    receipt::Receipt,
    record::{Hash, Payload, Record, canonical, chain, commitment, unclose},
    tree::{Tree, leaf_hash},
};
use zeroize::Zeroizing;

use crate::{
    python::Python,
    world::{id, public_key, root, secrets},
};

const ORIGIN: &str = "sayso/0011223344556677";
const SUBJECT: SubjectId = SubjectId(0x5a0c_6c9e_1f2b_4d80_90a1_b2c3_d4e5_f607);
const SUBJECT_KEY: [u8; 32] = [0x44; 32];

fn page() -> String {
    std::fs::read_to_string(root().join("docs/reference/ledger.md")).unwrap()
}

/// The blocks of code in a language, in the order of the page.
fn blocks(language: &str) -> Vec<String> {
    let page = page();
    let open = format!("```{language}\n");
    page.split(&open).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// The value in a row of a table.
fn row(name: &str) -> String {
    let (page, begin) = (page(), format!("| {name} | `"));
    let line = page.lines().find_map(|line| line.strip_prefix(&begin));
    line.unwrap_or_else(|| panic!("no row {name}")).trim_end_matches("` |").to_owned()
}

fn states(what: &str) {
    assert!(page().contains(what), "the page does not state {what}");
}

/// Every entry with its commitment and chain.
fn entries() -> Vec<(Entry, Hash, Hash)> {
    let block = blocks("json").remove(0);
    let mut before = Hash::default();
    let entry = |(line, salt): (&str, u8)| {
        let entry: Entry = serde_json::from_str(line).unwrap();
        let bytes = canonical(&entry).unwrap();
        assert_eq!(String::from_utf8(bytes.clone()).unwrap(), line);
        let committed = commitment(&[salt; 32], &bytes);
        before = chain(&before, entry.position, &committed);
        (entry, committed, before)
    };
    block.lines().zip([0x11, 0x22, 0x33]).map(entry).collect()
}

fn tree() -> Tree {
    let mut tree = Tree::default();
    entries().iter().for_each(|(_, commitment, _)| tree.push(commitment));
    tree
}

#[test]
fn the_keys_are_as_stated() {
    let secrets = secrets();
    assert_eq!(row(r#"`"sayso signing v1"`"#), hex::encode(secrets.signing().to_bytes()));
    assert_eq!(row(r#"`"sayso webhook v1"`"#), hex::encode(secrets.webhook().to_bytes()));
    let shared = secrets.webhook_secret(&id("mailer"));
    assert_eq!(row(r#"`"sayso webhook hmac v1 mailer"`"#), hex::encode(shared.as_slice()));
    assert_eq!(row("public key of receipts and checkpoints"), public_key());
    let deliveries = secrets.webhook().verifying_key();
    assert_eq!(row("public key of deliveries"), hex::encode(deliveries.as_bytes()));
    let lookup = secrets.lookup(&id("email"), "ana@example.org");
    assert_eq!(row("lookup of `email:ana@example.org`"), hex::encode(lookup.0));
}

#[test]
fn commitments_chain_and_tree_are_as_stated() {
    for (entry, commitment, chain) in entries() {
        let [commitment_hex, chain_hex] = [commitment, chain].map(hex::encode);
        let leaf = hex::encode(leaf_hash(&commitment));
        states(&format!(
            "| `{}` | `{commitment_hex}` | `{chain_hex}` | `{leaf}` |",
            entry.position
        ));
    }
    let tree = tree();
    assert_eq!(row("root, over that node and the third leaf"), hex::encode(tree.root()));
    let commitments: Vec<Hash> = entries().iter().map(|(_, commitment, _)| *commitment).collect();
    let proof: Vec<String> = tree.proof(2, &commitments).iter().map(hex::encode).collect();
    assert_eq!(proof, [row("node over the first two leaves")]);
}

#[test]
fn the_checkpoint_is_as_stated() {
    let (tree, secrets) = (tree(), secrets());
    let checkpoint = Checkpoint { origin: ORIGIN.into(), size: tree.size(), root: tree.root() };
    states(&format!("```text\n{}```", checkpoint.sign(secrets.signing())));
    assert_eq!(row("verifier key"), verifier_key(ORIGIN, &secrets.verifying()));
}

#[test]
fn the_sealed_bytes_open_to_what_is_stated() {
    let wrapped_key = hex::decode(row("wrapped key")).unwrap();
    let key = secrets().unwrap(SUBJECT, &wrapped_key).unwrap();
    assert_eq!(*key, SUBJECT_KEY);
    let (entry, commitment, chain) = entries().remove(2);
    let sealed = hex::decode(row("sealed payload")).unwrap();
    let payload = Payload { subject: SUBJECT, sealed, wrapped_key };
    let record = Record { position: entry.position, commitment, chain, payload: None };
    let opened = unclose(&record, &payload, &Zeroizing::new(SUBJECT_KEY)).unwrap();
    assert_eq!((opened.entry, opened.salt), (entry, [0x33; 32]));
}

#[test]
fn the_line_of_the_journal_is_as_stated() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let (entry, _, chain) = entries().remove(2);
    let line = Line::of(&entry, Some(chain)).unwrap();
    journal::Journal::open(&path).unwrap().append(std::slice::from_ref(&line), &secrets()).unwrap();
    states(&format!("```text\n{}```", std::fs::read_to_string(&path).unwrap()));
    assert_eq!(journal::read(&path, &secrets()).unwrap(), (vec![line], 0));
}

#[test]
fn the_receipt_holds_for_both_verifiers() {
    let text = blocks("json").pop().unwrap();
    let receipt = Receipt::read(&text).unwrap();
    assert_eq!(receipt.verify(&secrets().verifying()), Ok(()));
    assert_eq!(receipt.entry, entries()[2].0);
    let Some(python) = Python::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("receipt.json");
    std::fs::write(&path, &text).unwrap();
    let said = python.receipts(&[path], &public_key()).remove(0);
    assert!(said.holds, "{:?}", said.report);
}
