#[test]
fn show() {
    let s = schemars::schema_for!(sayso_consent::Catalog);
    println!("{}", serde_json::to_string_pretty(&s).unwrap());
}
